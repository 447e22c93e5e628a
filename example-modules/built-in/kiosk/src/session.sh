# What runs above ends with the X server: the next session brings its own.
trap 'trap - EXIT TERM; kill 0' EXIT
xev -root -event property >/dev/null
