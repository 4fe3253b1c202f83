"""The second carrier of native-notes/knock-protocol.md, section 1: a SYN with data, by a raw socket or by the kernel."""

import os
import select
import socket
import struct

FASTOPEN, NO_COOKIE = 0x20000000, 34  # MSG_FASTOPEN and TCP_FASTOPEN_NO_COOKIE, of linux/socket.h and linux/tcp.h
FIN, SYN, ACK = 1, 2, 16


def resolved(address, port, kind):
    found = socket.getaddrinfo(address, port, type=kind, flags=socket.AI_NUMERICHOST)
    return found[0][0], found[0][4]


def ones_sum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class RawSegments:
    """Each copy is a SYN of its own making. Needs CAP_NET_RAW."""

    def __init__(self, address, port, _tag):
        family, self.to = resolved(address, port, socket.SOCK_DGRAM)
        self.six, self.port, self.sent = family == socket.AF_INET6, port, 0
        self.socket = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(self.to)
            self.source = socket.inet_pton(family, probe.getsockname()[0].split("%")[0])
        self.destination = socket.inet_pton(family, self.to[0].split("%")[0])
        self.open = {}  # by our port, the sequence number that an answer acknowledges

    def send(self, data):
        port, sequence = struct.unpack(">HI", os.urandom(6))
        port |= 0x8000
        segment = struct.pack(">HHIIBBHHH", port, self.port, sequence, 0, 5 << 4, SYN, 0xFFFF, 0, 0) + data
        pseudo = self.source + self.destination + struct.pack(">IHH", len(segment), 0, 6)
        total = ones_sum(pseudo + segment) ^ 0xFFFF
        self.open[port] = sequence + 1 + len(data) & 0xFFFFFFFF
        try:
            self.socket.sendto(segment[:16] + struct.pack(">H", total) + segment[18:], (self.to[0], 0, *self.to[2:]))
            self.sent += 1
        except OSError:
            pass

    def receive(self, timeout):
        """The data of the next segment that acknowledges one of ours with its data, or b"" for any other; None for none."""
        if not select.select([self.socket], [], [], max(0.0, timeout))[0]:
            return None
        packet = self.socket.recv(65535)
        segment = packet if self.six else packet[(packet[0] & 15) * 4 :]
        source, ours, _, acknowledged, offset, flags = struct.unpack(">HHIIBB", segment[:14])
        if source != self.port or not flags & ACK or self.open.get(ours) != acknowledged:
            return b""
        return segment[(offset >> 4) * 4 :]


class KernelSockets:
    """Each copy is a connection of the kernel's. Needs nothing. A service's own words may stand before an answer."""

    def __init__(self, address, port, tag):
        self.tag = tag
        self.family, self.to = resolved(address, port, socket.SOCK_STREAM)
        self.sent, self.open, self.refused = 0, {}, 0

    def send(self, data):
        one = socket.socket(self.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        one.setsockopt(socket.IPPROTO_TCP, NO_COOKIE, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing it resets it
        try:
            one.sendto(data, FASTOPEN, self.to)
        except BlockingIOError:
            pass
        except OSError:
            one.close()
            return
        self.sent += 1
        self.open[one] = b""

    def receive(self, timeout):
        """The next 128 bytes from a tag on of one of the connections, or b"" for less; None when there was nothing."""
        for one, held in self.open.items():
            at = held.find(self.tag)
            if at >= 0 and len(held) >= at + 128:
                self.open[one] = held[at + 128 :]
                return held[at : at + 128]
        ready = select.select(list(self.open), [], [], max(0.0, timeout))[0]
        for one in ready:
            try:
                more = one.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                self.refused += 1
                more = b""
            if more:
                self.open[one] += more
            else:
                self.open.pop(one)
                one.close()
        return b"" if ready else None
