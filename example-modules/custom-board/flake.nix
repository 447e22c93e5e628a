{
  description = "Device type and module for the Acme Board 2";

  # What a board needs is a NixOS module; kernel and firmware come from the device's own nixpkgs.
  outputs = { self }: {
    nixosModules.acme-board-2 = ./board.nix;
  };
}
