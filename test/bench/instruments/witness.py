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

LOAD_BYTE, LOAD_HALF, LOAD_WORD, AND, EQUAL, RETURN = 0x30, 0x28, 0x20, 0x54, 0x15, 0x06
HEADER_LENGTH, BEHIND_BYTE, BEHIND_HALF = 0xB1, 0x50, 0x48  # of IPv4; what follows that header
PACKET_TYPE, OUTGOING = 0xFFFFF004, 4  # SKF_AD_PKTTYPE, PACKET_OUTGOING
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58


def knocks_filter(probe_port: int) -> bytes:
    """What comes in and may be somebody's knock: an echo request, or TCP or UDP to any port but the probes'.

    A classic BPF program (filter.rst of the kernel); the packet begins with its IP header. Jumps are to names; without one
    to the next line.
    """
    lines = [
        ("", LOAD_WORD, PACKET_TYPE),
        ("", EQUAL, OUTGOING, "refuse", ""),
        ("", LOAD_BYTE, 0),
        ("", AND, 0xF0),
        ("", EQUAL, 0x40, "", "not 4"),
        ("", HEADER_LENGTH, 0),
        ("", LOAD_BYTE, 9),
        ("", EQUAL, ICMP, "icmp", ""),
        ("", EQUAL, TCP, "ports", ""),
        ("", EQUAL, UDP, "", "refuse"),
        ("ports", BEHIND_HALF, 2),
        ("", EQUAL, probe_port, "refuse", "take"),
        ("icmp", BEHIND_BYTE, 0),
        ("", EQUAL, 8, "take", "refuse"),
        ("not 4", EQUAL, 0x60, "", "refuse"),
        ("", LOAD_BYTE, 6),
        ("", EQUAL, ICMPV6, "icmp6", ""),
        ("", EQUAL, TCP, "ports6", ""),
        ("", EQUAL, UDP, "", "refuse"),
        ("ports6", LOAD_HALF, 42),
        ("", EQUAL, probe_port, "refuse", "take"),
        ("icmp6", LOAD_BYTE, 40),
        ("", EQUAL, 128, "take", "refuse"),
        ("refuse", RETURN, 0),
        ("take", RETURN, 65535),
    ]
    at = {line[0]: number for number, line in enumerate(lines) if line[0]}
    return b"".join(
        struct.pack("HBBI", code, *(at[name] - number - 1 if name else 0 for name in (*to, "", "")[:2]), operand)
        for number, (_, code, operand, *to) in enumerate(lines)
    )


def packet_socket(device: str, probe_port: int) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    program = knocks_filter(probe_port)
    held = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("HL", len(program) // 8, ctypes.addressof(held))
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
knocks, probes = packet_socket(device, port), probe_socket(port)
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
