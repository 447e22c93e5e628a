{
  description = "A Thymis module that logs temperatures";

  # The module takes all it needs from the device's own nixpkgs.
  outputs = { self }: { };
}
