"""A terminal on which every line of standard input is typed, and read by whoever has it. Says its name first; it begins as unused.

Standard library only.
"""
import os
import pty
import sys

typist, reader = pty.openpty()
name = os.ttyname(reader)
os.utime(name, (1, 1))
print(name, flush=True)
for line in sys.stdin:
    os.write(typist, line.encode())
    os.read(reader, 1000)
