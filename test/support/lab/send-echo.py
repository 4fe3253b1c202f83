"""Sends ICMP echo messages with exactly the data it is told, one line of standard input each:

    ADDRESS request|reply SEQUENCE HEX-DATA

A sender of its own, so that tests do not depend on the code they test. Raw socket, IPv4, standard library only.
"""
import socket
import struct
import sys


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
for line in sys.stdin:
    address, kind, sequence, data = (line.split() + [""])[:4]
    head = struct.pack("!BBHHH", 8 if kind == "request" else 0, 0, 0, 0x4242, int(sequence))
    body = bytes.fromhex(data)
    head = head[:2] + struct.pack("!H", checksum(head + body)) + head[4:]
    sock.sendto(head + body, (address, 0))
