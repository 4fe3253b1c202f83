#!/usr/bin/env python3
"""Makes the vectors of the second carrier (native-notes/knock-protocol.md, sections 1 and 12) in this folder.

Standard library only, and no code shared with src/wire.

    generate.py            writes the files
    generate.py --check    writes nothing; exit code 1 when a file is not what it would write
"""

import hashlib
import ipaddress
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
FIN, SYN, RST, PSH, ACK, ECE_CWR = 1, 2, 4, 8, 16, 0xC0


def some(name, length=128):
    """Bytes that look like a message."""
    return b"".join(hashlib.sha256(f"{name} {part}".encode()).digest() for part in range(length // 32))


def segment(ends, ports, seq, ack, flags, window, options, data):
    head = struct.pack(">HHIIBBHHH", *ports, seq, ack, (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options
    addresses = b"".join(ipaddress.ip_address(end).packed for end in ends)
    summed = addresses + struct.pack(">IHH", len(head + data), 0, 6) + head + data
    total = sum(struct.unpack(f">{len(summed) // 2}H", summed))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return head[:16] + struct.pack(">H", total ^ 0xFFFF) + head[18:] + data


def stamps(value, echo):
    return struct.pack(">BBBBII", 1, 1, 8, 10, value, echo)


V4, V6 = ("192.0.2.2", "192.0.2.1"), ("2001:db8::2", "2001:db8::1")
KERNEL_SYN = bytes([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 10])
REQUEST, ANSWERS = some("request"), [some("answer"), some("later answer")]

ACCEPTED = {
    "syn-ipv4": (V4, 22, 0x01020304, 0, SYN, b""),
    "syn-ipv6-options": (V6, 2222, 0x01020304, 0, SYN | ECE_CWR, KERNEL_SYN),
    "syn-sequence-wraps": (V4, 22, 0xFFFFFFF0, 0, SYN, b""),
    "established-ipv4-timestamps": (V4, 22, 1000, 0xFFFFFF00, ACK | PSH, stamps(0xFEDCBA98, 7)),
    "established-ipv6": (V6, 22, 0xFFFFFFFF, 5000, ACK, b""),
}
REFUSED = {
    "syn-ack": (22, SYN | ACK, "other-flags"),
    "syn-fin": (22, SYN | FIN, "other-flags"),
    "reset": (22, RST, "other-flags"),
    "ack-fin": (22, ACK | FIN, "other-flags"),
    "no-flags": (22, 0, "other-flags"),
    "port": (23, SYN, "other-port"),
}


def answered(ends, port, seq, ack, flags, options):
    back, ports = ends[::-1], (port, 40000)
    packets, before = [], 0
    initial = int.from_bytes(ANSWERS[0][96:100], "big")
    for data in ANSWERS:
        if flags & SYN:
            first = before == 0
            own = initial + (0 if first else 1 + before) & 0xFFFFFFFF
            packets.append(segment(back, ports, own, seq + 129 & 0xFFFFFFFF, SYN | ACK if first else PSH | ACK,
                                   65535, b"", data))
            before += 128
        else:
            turned = stamps(7 + (1 << 20), 0xFEDCBA98) if options else b""
            packets.append(segment(back, ports, ack + before & 0xFFFFFFFF, seq + 128 & 0xFFFFFFFF, PSH | ACK,
                                   501, turned, data * 3))
            before += 384
    return packets


def hex_lines(data):
    return "\n".join(data[at:at + 16].hex() for at in range(0, len(data), 16))


def document(headers, *parts):
    return "\n".join(f"{key}: {value}" for key, value in headers) + "".join(f"\n\n{hex_lines(part)}" for part in parts) + "\n"


def files():
    for name, (ends, port, seq, ack, flags, options) in ACCEPTED.items():
        kind = "syn" if flags & SYN else "established"
        headers = [("message", "segment"), ("expect", "accept"), ("carrier", kind), ("source", ends[0]),
                   ("destination", ends[1]), ("ports", "22 2222")]
        sent = segment(ends, (40000, port), seq, ack, flags, 64240, options, REQUEST)
        packets = answered(ends, port, seq, ack, flags, options)
        yield f"accept-{name}.txt", document(headers, sent, ANSWERS[0], packets[0], ANSWERS[1], packets[1])
    for name, (port, flags, why) in REFUSED.items():
        headers = [("message", "segment"), ("expect", f"reject {why}"), ("source", V4[0]), ("destination", V4[1]),
                   ("ports", "22 2222")]
        yield f"reject-{name}.txt", document(headers, segment(V4, (40000, port), 1000, 2000, flags, 64240, b"", REQUEST))


def main():
    wrong = 0
    for name, text in files():
        path = HERE / name
        if "--check" in sys.argv[1:]:
            wrong += not path.exists() or path.read_text() != text
        else:
            path.write_text(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
