"""Sees, on the server, a knock arrive and the first probe get through the firewall, and says when.

    witness.py DEVICE PORT until-open|until-knock SECONDS

One JSON object a line: {"ready": true}, and in the end what was seen. Times are nanoseconds of CLOCK_MONOTONIC.

Why the clock is one: both packets come in by the same device of the same machine, and the kernel stamps both in the same
place, where the device hands them over (net_timestamp_check in netif_rx) and before any hook of netfilter. The knock's
stamp is read through a packet socket, below the firewall; the probe's through a UDP socket, above it, so it is the stamp of
the first probe that the firewall let through. How long either process took to be scheduled is in neither. The kernel stamps
with CLOCK_REALTIME; its offset to CLOCK_MONOTONIC is read before and after, and when it moved by more than 20 us in
between (somebody set the clock), the run is void and says so.
"""
import ctypes
import json
import select
import socket
import struct
import sys
import time

SO_ATTACH_FILTER, SO_TIMESTAMPNS, ETH_P_ALL = 26, 35, 3

# Echo requests that come in, ICMP or ICMPv6: (code, jump if true, jump if false, operand), see filter.rst of the kernel.
ECHO_REQUESTS = [
    (0x20, 0, 0, 0xFFFFF004),  # 0 the packet's type (SKF_AD_PKTTYPE)
    (0x15, 13, 0, 4),  # 1 outgoing: to 15
    (0x30, 0, 0, 0),  # 2 first byte of the IP header
    (0x54, 0, 0, 0xF0),  # 3
    (0x15, 0, 5, 0x40),  # 4 not IPv4: to 10
    (0x30, 0, 0, 9),  # 5 protocol
    (0x15, 0, 8, 1),  # 6 not ICMP: to 15
    (0xB1, 0, 0, 0),  # 7 length of the IPv4 header
    (0x50, 0, 0, 0),  # 8 ICMP type
    (0x15, 6, 5, 8),  # 9 echo request: to 16
    (0x15, 0, 4, 0x60),  # 10 not IPv6: to 15
    (0x30, 0, 0, 6),  # 11 next header
    (0x15, 0, 2, 58),  # 12 not ICMPv6: to 15
    (0x30, 0, 0, 40),  # 13 ICMPv6 type
    (0x15, 1, 0, 128),  # 14 echo request: to 16
    (0x06, 0, 0, 0),  # 15 refuse
    (0x06, 0, 0, 65535),  # 16 take
]


def packet_socket(device: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    program = b"".join(struct.pack("HBBI", *line) for line in ECHO_REQUESTS)
    held = ctypes.create_string_buffer(program)
    fprog = struct.pack("HL", len(ECHO_REQUESTS), ctypes.addressof(held))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind((device, ETH_P_ALL))
    sock.setblocking(False)
    return sock


def probe_socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind(("::", port))
    sock.setblocking(False)
    return sock


def clock_offset() -> int:
    """CLOCK_REALTIME minus CLOCK_MONOTONIC, from the tightest of a few pairs of readings."""
    best = None
    for _ in range(20):
        before, real, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = (after - before, real - (before + after) // 2)
    return best[1]


def receive(sock: socket.socket):
    """The next packet's bytes and its stamp, or None."""
    try:
        data, ancillary, _, _ = sock.recvmsg(64, 128)
    except BlockingIOError:
        return None
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value[:16])
            return data, seconds * 10**9 + nanoseconds
    raise SystemExit("witness: a packet came without a stamp")


device, port, until, limit = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
knocks, probes = packet_socket(device), probe_socket(port)
offset = clock_offset()
print(json.dumps({"ready": True}), flush=True)

poll = select.poll()
poll.register(knocks, select.POLLIN)
poll.register(probes, select.POLLIN)
deadline = time.monotonic() + limit
first_knock, seen_knocks, first_probe = None, 0, None
while first_probe is None and (until == "until-open" or first_knock is None):
    left = deadline - time.monotonic()
    if left <= 0:
        break
    poll.poll(left * 1000)
    while (packet := receive(knocks)) is not None:
        seen_knocks += 1
        first_knock = first_knock or packet[1]
    first_probe = receive(probes)

moved = clock_offset() - offset
result = {"knockNs": None, "openNs": None, "resolutionNs": None, "knocks": seen_knocks, "void": None}
if abs(moved) > 20_000:
    result["void"] = f"the wall clock moved by {moved} ns"
if first_knock is not None:
    result["knockNs"] = first_knock - offset
if first_probe is not None:
    sent, previous = struct.unpack("!QQ", first_probe[0][:16])
    result["openNs"] = first_probe[1] - offset
    result["resolutionNs"] = sent - previous
print(json.dumps(result), flush=True)
