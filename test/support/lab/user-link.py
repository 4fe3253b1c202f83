"""A link between two network namespaces that runs through this program: two tun or tap devices, and between them whatever a
bad network does. The kernel has no netem here; this has. Standard library only.

    user-link.py tun|tap NETNS-A DEVICE-A NETNS-B DEVICE-B

Prints "up" when both devices are there. Standard input: one JSON object a line, which changes what is done to packets from
then on, in both directions unless "only" names one ("a" or "b": packets that come from that side):

    {"delay": s, "jitter": s, "loss": 0..1, "copies": n, "hold": bool}

Each copy is delayed by `delay` and a random part of `jitter` more, so jitter puts packets out of order. What comes while
`hold` is true is kept, and delivered when it is false again. After each line it prints the number of packets held.
"""
import ctypes
import fcntl
import heapq
import itertools
import json
import os
import random
import selectors
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(netns: str) -> None:
    handle = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    if libc.setns(handle, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(handle)


def device(kind: str, netns: str, name: str) -> int:
    enter(netns)
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = (IFF_TUN if kind == "tun" else IFF_TAP) | IFF_NO_PI
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return handle


class Side:
    def __init__(self, name: str, handle: int) -> None:
        self.name, self.handle, self.peer = name, handle, self
        self.delay, self.jitter, self.loss, self.copies, self.hold = 0.0, 0.0, 0.0, 1, False
        self.held: list[bytes] = []


kind, netns_a, device_a, netns_b, device_b = sys.argv[1:]
a = Side("a", device(kind, netns_a, device_a))
b = Side("b", device(kind, netns_b, device_b))
a.peer, b.peer = b, a
due: list[tuple[float, int, int, bytes]] = []
number = itertools.count()


def take(side: Side, packet: bytes) -> None:
    if side.hold:
        side.held.append(packet)
        return
    for _ in range(side.copies):
        if random.random() >= side.loss:
            at = time.monotonic() + side.delay + random.random() * side.jitter
            heapq.heappush(due, (at, next(number), side.peer.handle, packet))


def command(line: str) -> None:
    wanted = json.loads(line)
    for side in (a, b):
        if wanted.get("only", side.name) != side.name:
            continue
        for key in ("delay", "jitter", "loss", "copies", "hold"):
            if key in wanted:
                setattr(side, key, wanted[key])
        if not side.hold:
            kept, side.held = side.held, []
            for packet in kept:
                take(side, packet)
    print(len(a.held) + len(b.held), flush=True)


selector = selectors.DefaultSelector()
for side in (a, b):
    selector.register(side.handle, selectors.EVENT_READ, side)
selector.register(0, selectors.EVENT_READ, None)
print("up", flush=True)
lines = b""
while True:
    timeout = max(0.0, due[0][0] - time.monotonic()) if due else None
    for key, _ in selector.select(timeout):
        try:
            data = os.read(key.fd, 65536)
        except OSError:  # EAGAIN; EIO or ENETDOWN while a device is down
            continue
        if key.data is not None:
            take(key.data, data)
            continue
        if not data:
            sys.exit(0)
        *whole, lines = (lines + data).split(b"\n")
        for line in whole:
            command(line.decode())
    while due and due[0][0] <= time.monotonic():
        _, _, handle, packet = heapq.heappop(due)
        try:
            os.write(handle, packet)
        except OSError:  # the other device is down
            pass
