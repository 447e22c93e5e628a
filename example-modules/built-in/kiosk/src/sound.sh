# Sets the sound output and its volume.
# Arguments: volume in percent; a file with a part of the output's line in `pactl list short sinks`, if one is wanted.
volume=$1 wanted=''
if [[ -n ${2-} ]]; then
  IFS= read -r -d '' wanted <"$2" || true
fi

# The first that contains the text, in upper or lower case.
choose() {
  local sinks line
  sinks=$(pactl list short sinks) || return
  while IFS= read -r line; do
    if [[ ${line,,} == *"${wanted,,}"* ]]; then
      pactl set-default-sink "${line%%$'\t'*}"
      return
    fi
  done <<<"$sinks"
  return 1
}

ready() {
  if [[ -n $wanted ]]; then choose; else pactl info >/dev/null; fi
}

# The sound server starts with the session, and a screen's output appears when the screen does.
for _ in {1..60}; do
  if ready; then break; fi
  sleep 1
done
pactl set-sink-volume @DEFAULT_SINK@ "$volume%"
