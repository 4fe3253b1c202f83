"""Steps this machine's wall clock: clock-step.py DELAY OFFSET [DELAY OFFSET]...

Each DELAY seconds later the clock is set OFFSET seconds off what it would be now. At the end, and on any way there, it is
put back by what the monotonic clock has counted. Standard library only.
"""
import signal
import sys
import time

begun = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def off(seconds):
    right = begun + time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    time.clock_settime_ns(time.CLOCK_REALTIME, right + seconds * 1_000_000_000)


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda *_: sys.exit(1))
plan = sys.argv[1:]
stepped = False
try:
    for delay, offset in zip(plan[0::2], plan[1::2]):
        time.sleep(float(delay))
        stepped = True
        off(int(offset))
finally:
    if stepped:
        off(0)
