{
  description = "Prometheus and Grafana in containers, as a Thymis module";

  # Images come from a registry, all else from the device's own nixpkgs.
  outputs = { self }: { };
}
