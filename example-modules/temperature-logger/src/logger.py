"""Appends the temperature of the hottest sensor to a file, repeatedly."""

import datetime
import os
import pathlib
import time

LOG_FILE = pathlib.Path(os.environ["LOG_FILE"])
INTERVAL = int(os.environ["INTERVAL"])
FAHRENHEIT = os.environ["UNIT"] == "fahrenheit"
SENSORS = pathlib.Path("/sys/class/thermal")


def celsius():
    """The highest reading, or None where no sensor answers."""
    readings = []
    for sensor in SENSORS.glob("thermal_zone*/temp"):
        try:
            readings.append(int(sensor.read_text()) / 1000)
        except (OSError, ValueError):
            continue  # a sensor that is asleep
    return max(readings, default=None)


def line(degrees):
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    if degrees is None:
        return f"{now} no sensor\n"
    if FAHRENHEIT:
        return f"{now} {degrees * 9 / 5 + 32:.1f} °F\n"
    return f"{now} {degrees:.1f} °C\n"


LOG_FILE.parent.mkdir(parents=True, exist_ok=True)
while True:
    with LOG_FILE.open("a", encoding="utf-8") as log:
        log.write(line(celsius()))
    time.sleep(INTERVAL)
