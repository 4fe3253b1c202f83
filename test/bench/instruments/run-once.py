"""Runs a command to its end and says what it cost.

    run-once.py COMMAND [ARGUMENT...]

One JSON object: start and end (nanoseconds of CLOCK_MONOTONIC), processor time of it and its children, and the exit code.
Its output goes nowhere. Not its memory: a child's largest resident set, as the kernel counts it, is never smaller than that
of the program that it was spawned from, and this one is larger than most senders.
"""
import json
import os
import sys
import time

nowhere = os.open(os.devnull, os.O_RDWR)
onto_nowhere = [(os.POSIX_SPAWN_DUP2, nowhere, fd) for fd in (0, 1, 2)]
start = time.monotonic_ns()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=onto_nowhere)
_, status, usage = os.wait4(pid, 0)
end = time.monotonic_ns()
print(
    json.dumps(
        {
            "startNs": start,
            "endNs": end,
            "cpuMs": (usage.ru_utime + usage.ru_stime) * 1000,
            "code": os.waitstatus_to_exitcode(status),
        }
    )
)
