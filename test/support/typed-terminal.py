"""Runs a command on a terminal of its own and types what standard input holds when the terminal shows PROMPT (not shown).

Prints everything that the terminal showed; ends with the command's exit code. Standard library only.
"""
import os
import pty
import sys

prompt = os.environ.get("PROMPT", "not shown").encode()
typed = sys.stdin.buffer.read()
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b""
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:  # EIO: the other side is closed
        break
    if not chunk:
        break
    shown += chunk
    if typed and prompt in shown:
        os.write(terminal, typed)
        typed = b""
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
