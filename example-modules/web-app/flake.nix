{
  description = "A small web app, and its Thymis module";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      forAllSystems = make: builtins.listToAttrs (map (system: { name = system; value = make system; }) systems);
    in
    {
      packages = forAllSystems (system:
        let pkgs = nixpkgs.legacyPackages.${system};
        in {
          default = pkgs.writeShellScriptBin "web-app" ''
            exec ${pkgs.python3}/bin/python3 ${pkgs.writeText "server.py" (builtins.readFile ./app/server.py)}
          '';
        });

      nixosModules.default = ./module.nix;
    };
}
