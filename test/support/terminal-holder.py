"""Holds the other end of a terminal on which a command runs as a shell's foreground job, and treats it badly when told.

Says "job PID" once the command runs. Each line of standard input is answered by one line:
  type HEX   types these bytes                 "done"
  shown      how many bytes it has shown       a number
  unread     reads no more, and fills the terminal's buffer until it takes nothing more    "done"
  close      lets go of the terminal           "done"
Standard library only.
"""
import fcntl
import os
import pty
import selectors
import sys

shell = 'set -m; "$@" & echo "job $!" >&3; fg >/dev/null; sleep 1000'
told, tell = os.pipe()
child, terminal = pty.fork()
if child == 0:
    os.dup2(tell, 3)
    os.execvp("bash", ["bash", "--norc", "-c", shell, "-"] + sys.argv[1:])
os.close(tell)
print(os.read(told, 100).decode().strip(), flush=True)

shown = 0
selector = selectors.DefaultSelector()
selector.register(terminal, selectors.EVENT_READ)
selector.register(sys.stdin, selectors.EVENT_READ)


def fill():
    number = fcntl.ioctl(terminal, 0x80045430, bytes(4))  # TIOCGPTN, ioctl_tty(2)
    name = "/dev/pts/%d" % int.from_bytes(number, sys.byteorder)
    other = os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    for size in (1024, 1):
        try:
            while True:
                os.write(other, b"." * size)
        except BlockingIOError:
            pass


while True:
    for key, _ in selector.select():
        if key.fileobj is terminal:
            try:
                shown += len(os.read(terminal, 65536))
            except OSError:  # EIO: nobody has the other side any more
                selector.unregister(terminal)
            continue
        line = sys.stdin.readline()
        if line == "":
            sys.exit(0)
        verb, _, argument = line.strip().partition(" ")
        answer = "done"
        if verb == "type":
            os.write(terminal, bytes.fromhex(argument))
        elif verb == "shown":
            answer = str(shown)
        elif verb == "unread":
            selector.unregister(terminal)
            fill()
        elif verb == "close":
            if terminal in selector.get_map():
                selector.unregister(terminal)
            os.close(terminal)
        print(answer, flush=True)
