# Serves the screen over VNC.
# Argument: a file with the password.

# A secret can come to the device after the session has started.
until [[ -r $1 ]]; do sleep 2; done

# VNC's own form of the password; the server reads it on each connection.
obscured=$(mktemp --tmpdir="${XDG_RUNTIME_DIR:-/tmp}")
obscure() {
  local password
  IFS= read -r password <"$1" || true
  printf '%s\n' "$password" | vncpasswd -f >"$obscured"
}

obscure "$1"
# A secret can be replaced.
while sleep 10; do
  if [[ $1 -nt $obscured ]]; then obscure "$1"; fi
done &

while :; do
  x0vncserver -display "$DISPLAY" "-PasswordFile=$obscured" || true
  sleep 5
done
