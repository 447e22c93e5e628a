{
  description = "A machine to develop on, as a Thymis module";

  # All programs come from the device's own nixpkgs.
  outputs = { self }: { };
}
