"""Sends a steady stream of UDP probes until it is killed.

    probe-stream.py ADDRESS PORT PER-SECOND

Each carries when it was sent and when the one before it was (CLOCK_MONOTONIC, nanoseconds): whoever receives the first one
that got through knows between which two moments the way was opened. One line when it begins: {"ready": true}.
"""
import ctypes
import json
import os
import socket
import struct
import sys
import time

PR_SET_TIMERSLACK = 29
address, port, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)  # the default of 50 us is as long as the pause between two probes
family = socket.AF_INET6 if ":" in address else socket.AF_INET
sock = socket.socket(family, socket.SOCK_DGRAM)
period = 10**9 // rate
now_ns, sleep, pack = time.monotonic_ns, time.sleep, struct.Struct("!QQ").pack
try:
    # Else the knock's own process, which shares this processor, keeps it from sending just when it matters.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
except PermissionError:
    pass  # then the resolution of the figures tells
print(json.dumps({"ready": True}), flush=True)

due = previous = now_ns()
while True:
    now = now_ns()
    try:
        sock.sendto(pack(now, previous), (address, port))
    except OSError:
        pass  # no way there just now: as lost as one that was dropped
    previous = now
    due = max(due + period, now)  # what was missed while somebody else had the processor is not made up for
    pause = due - now_ns()
    if pause > 0:
        sleep(pause / 1e9)
