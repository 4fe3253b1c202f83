"""Runs a command on a terminal of its own, as somebody who is logged in does, until it is killed: then that terminal is gone,
as when a connection breaks.

    on-terminal.py COMMAND [ARGUMENT...]

What TYPED holds in the environment is typed at once.
"""
import os
import pty
import sys

child, terminal = pty.fork()
if child == 0:
    # The shell stays, as a login shell does; the command is in its foreground.
    os.execv("/bin/sh", ["sh", "-c", '"$@"; exec sleep 86400', "sh", *sys.argv[1:]])
os.write(terminal, os.environ.get("TYPED", "").encode())
while True:
    try:
        if not os.read(terminal, 65536):
            break
    except OSError:
        break
os.waitpid(child, 0)
