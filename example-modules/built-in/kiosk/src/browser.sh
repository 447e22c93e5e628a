# Shows the page for ever.
# Argument: a file with the page's URL.
IFS= read -r -d '' url <"$1" || true

loading='data:text/html,<title>Loading</title><h1>Loading &hellip;</h1>'
options=(--disable-features=Translate --hide-scrollbars --no-first-run --noerrdialogs --hide-crash-restore-bubble)
if [[ $(uname -m) == aarch64 ]]; then
  # Chromium's GPU process is unreliable on small boards.
  options+=(--disable-gpu)
fi

# Whether there is something to show: the page's server answers, without an error of its own.
reachable() {
  local code status=0
  case ${url,,} in
  http://* | https://*) ;;
  *) return 0 ;;
  esac
  # The code counts, not the end: a page may never stop sending.
  code=$(curl --silent --globoff --max-time 10 --output /dev/null --write-out '%{http_code}' -- "$url") || status=$?
  # 3: no URL to curl, which is stricter than a browser.
  [[ $status == 3 || $code == [1-4]?? ]]
}

# What a crash or another host name left behind would keep the browser from starting.
unlock() {
  rm -f -- "${XDG_CONFIG_HOME:-$HOME/.config}"/chromium/Singleton*
}

while :; do
  if ! reachable; then
    unlock
    chromium "--app=$loading" "${options[@]}" &
    until
      sleep 3
      reachable
    do :; done
    kill "$!" || true
    wait "$!" || true
  fi
  unlock
  chromium "--app=$url" "${options[@]}" || true
  sleep 1
done
