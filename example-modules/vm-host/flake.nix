{
  description = "Virtual machines on a bridge, as a Thymis module";

  # QEMU and all else come from the device's own nixpkgs.
  outputs = { self }: { };
}
