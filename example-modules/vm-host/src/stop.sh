# Presses the power button, then waits until the machine is off.
echo system_powerdown | socat - "UNIX-CONNECT:$MONITOR"
tail --pid="$MAINPID" --follow /dev/null
