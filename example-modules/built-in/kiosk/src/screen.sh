# Keeps the picture on every connected screen in one mode.
# Arguments: width, height and refresh rate of the mode, rotation.
width=$1 height=$2 refresh=$3 rotation=$4

# Screens stay on, the pointer hides.
xset s off || true
xset -dpms || true
unclutter &

# A mode line of its own: a screen's list can lack the mode, that of a Raspberry Pi's often does.
mode='' timings=()
while read -r word name rest; do
  if [[ $word == Modeline ]]; then
    mode=${name//\"/}
    read -r -a timings <<<"$rest"
  fi
done < <(cvt "$width" "$height" "$refresh" || true)
if [[ -n $mode ]]; then
  # Fails where an earlier session registered it.
  xrandr --newmode "$mode" "${timings[@]}" 2>/dev/null || true
fi

# Tries the mode line, then what the screen itself offers.
show_on() {
  local place=(--output "$1" --pos 0x0 --rotate "$rotation")
  if [[ -n $mode ]]; then
    xrandr --addmode "$1" "$mode" 2>/dev/null || true
    xrandr "${place[@]}" --mode "$mode" && return
  fi
  xrandr "${place[@]}" --mode "${width}x$height" --rate "$refresh" && return
  xrandr "${place[@]}" --auto || true
}

# Changes of its own are left alone: they would be answered for ever.
left=''
apply() {
  local screens
  screens=$(xrandr --query) || return 0
  if [[ $screens == "$left" ]]; then return 0; fi
  while read -r output state _; do
    if [[ $state == connected ]]; then show_on "$output"; fi
  done <<<"$screens"
  left=$(xrandr --query) || true
}

apply
# Again after each change: a screen that was plugged in or switched on.
while read -r line; do
  if [[ $line == *RRScreenChangeNotify* ]]; then
    sleep 1
    apply
  fi
done < <(stdbuf --output=L xev -root -event randr)
