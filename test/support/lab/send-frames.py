"""Puts frames on a device as fast as it is told, far faster than a socket call for each would: sendmmsg(2) on a packet
socket. Standard library only. Standard input: the frames, one a line, in hex; they are sent round and round.

    send-frames.py DEVICE RATE COUNT     RATE frames a second (0: as fast as it goes), COUNT frames in all

Prints how many the kernel took and how long it was at it, in seconds.
"""
import ctypes
import socket
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_QDISC_BYPASS = 20
BATCH = 64


class iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class msghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.POINTER(iovec)),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class mmsghdr(ctypes.Structure):
    _fields_ = [("header", msghdr), ("sent", ctypes.c_uint)]


device, rate, count = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
frames = [bytes.fromhex(line) for line in sys.stdin.read().split()]
while len(frames) < BATCH:
    frames = frames + frames
messages = (mmsghdr * len(frames))()
keep = []
for message, frame in zip(messages, frames):
    buffer = ctypes.create_string_buffer(frame, len(frame))
    vector = iovec(ctypes.addressof(buffer), len(frame))
    keep += [buffer, vector]
    message.header.iov = ctypes.pointer(vector)
    message.header.iovlen = 1

sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
sock.bind((device, ETH_P_ALL))
libc = ctypes.CDLL(None, use_errno=True)
size = ctypes.sizeof(mmsghdr)
base = ctypes.addressof(messages)

begun = time.monotonic()
sent = at = 0
while sent < count:
    due = count if rate == 0 else min(count, int(rate * (time.monotonic() - begun)) + 1)
    if due <= sent:
        time.sleep(0.0002)
        continue
    batch = min(BATCH, due - sent, len(frames) - at)
    took = libc.sendmmsg(sock.fileno(), ctypes.c_void_p(base + at * size), batch, 0)
    if took < 0:
        continue  # ENOBUFS, ENETDOWN: the next one may go
    sent += took
    at = (at + took) % len(frames)
print(sent, time.monotonic() - begun)
