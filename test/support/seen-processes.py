"""Writes down the arguments and the environment of every process that it sees, until its standard input ends.

Looks some hundred times a second. Standard library only.
"""
import os
import select
import sys

own = os.getpid()
seen = set()
while not select.select([sys.stdin], [], [], 0.002)[0]:
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == own:
            continue
        for part in ("cmdline", "environ"):
            try:
                with open(f"/proc/{name}/{part}", "rb") as file:
                    seen.add(file.read())
            except OSError:
                pass
sys.stdout.buffer.write(b"\n".join(seen))
