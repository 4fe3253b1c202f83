"""Types each line of standard input into a shell on a terminal of its own, and asks it to complete.

typed-completion.py SHELL [ARGUMENT...]: the shell appends what it offers to the file $OFFERED, and ends that with a line of
two dashes. Standard library only.
"""
import os
import pty
import select
import sys
import time

offered = os.environ["OFFERED"]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])


def answers():
    with open(offered) as file:
        return file.read().split("\n").count("--")


def read_until(done, what):
    until = time.monotonic() + 20
    while not done():
        if time.monotonic() > until:
            sys.exit(f"{what}: no answer from {sys.argv[1]}")
        if select.select([terminal], [], [], 0.01)[0]:
            os.read(terminal, 65536)


read_until(lambda: answers() == 1, "the start")
for number, line in enumerate(sys.stdin, 2):
    # Ctrl-U takes the line away again.
    os.write(terminal, line.rstrip("\n").encode() + b"\t")
    read_until(lambda: answers() == number, line)
    os.write(terminal, b"\x15")
os.close(terminal)
