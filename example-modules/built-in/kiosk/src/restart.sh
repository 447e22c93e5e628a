# A changed kiosk is shown at once: this restarts the session, and only then.
if [ "$(readlink -f "$systemConfig/etc/i3/config")" != "$(readlink -f /run/current-system/etc/i3/config)" ]; then
  mkdir -p /run/nixos
  case "${NIXOS_ACTION-}" in
    dry-activate) echo display-manager.service >> /run/nixos/dry-activation-restart-list ;;
    switch | test) echo display-manager.service >> /run/nixos/activation-restart-list ;;
  esac
fi
