# Makes wpa_supplicant's file of secrets of the password that was placed on this device.
#
# PASSWORD_FILE  the password; may be absent
# SSID_FILE      the name of the network
# SECRETS_FILE   what is written: `wifi_password` as it is, and `wifi_psk`, the key of the network
set -eu
umask 077

# A file that is there but empty is just being written.
for _ in 1 2 3 4 5; do
  if [ ! -e "$PASSWORD_FILE" ] || [ -s "$PASSWORD_FILE" ]; then break; fi
  sleep 1
done

password=
if [ -e "$PASSWORD_FILE" ]; then
  IFS= read -r password <"$PASSWORD_FILE" || true
  password=${password%$'\r'}
fi

# wpa_supplicant takes `#` for the beginning of a comment and drops blanks at the end of a line. What is computed from
# password and SSID has neither.
psk=$password
case $password in
  *'#'* | *[[:blank:]])
    psk=$(printf '%s\n' "$password" | wpa_passphrase "$(cat "$SSID_FILE")" | sed -n 's/^[[:blank:]]*psk=//p')
    ;;
esac

secrets=
if [ -n "$password" ]; then
  secrets="wifi_psk=$psk"$'\n'"wifi_password=$password"
fi

existed=
if [ -e "$SECRETS_FILE" ]; then
  existed=yes
  if [ "$(cat "$SECRETS_FILE")" = "$secrets" ]; then exit 0; fi
fi
# Written even without a password: wpa_supplicant doesn't start without its file.
printf '%s\n' "$secrets" >"$SECRETS_FILE.new"
# Where wpa_supplicant has a user of its own.
if chgrp wpa_supplicant "$SECRETS_FILE.new" 2>/dev/null; then
  chmod 0440 "$SECRETS_FILE.new"
fi
mv "$SECRETS_FILE.new" "$SECRETS_FILE"

# Not waiting: this runs before wpa_supplicant starts.
if [ -n "$existed" ]; then
  systemctl --no-block try-restart 'wpa_supplicant*.service'
fi
