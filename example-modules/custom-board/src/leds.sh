echo "$STATUS" > /sys/class/leds/acme:green:status/trigger
echo "$USER_LED" > /sys/class/leds/acme:blue:user/trigger
