# Options `services.web-app.*`, and the service that they describe.
{ config, lib, ... }:
let
  cfg = config.services.web-app;
in
{
  options.services.web-app = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether the web app runs.";
    };
    package = lib.mkOption {
      type = lib.types.package;
      description = "The package with `bin/web-app`.";
    };
    port = lib.mkOption {
      type = lib.types.port;
      default = 8080;
      description = "Where the page is served.";
    };
    greeting = lib.mkOption {
      type = lib.types.str;
      default = "Hello";
      description = "What the page says.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.web-app = {
      description = "Web app";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      environment = {
        PORT = toString cfg.port;
        # systemd would take %h and the like for specifiers.
        GREETING = builtins.replaceStrings [ "%" ] [ "%%" ] cfg.greeting;
      };
      serviceConfig = {
        ExecStart = "${cfg.package}/bin/web-app";
        DynamicUser = true;
        AmbientCapabilities = if cfg.port < 1024 then [ "CAP_NET_BIND_SERVICE" ] else [ ];
        Restart = "always";
      };
    };
  };
}
