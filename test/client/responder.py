"""Hears echo requests below the firewall and answers what it is told, for tests of fw-knock without a server.

Standard output, one line for each echo request to this host: NUMBER ADDRESS HEX-DATA
Standard input, one line for each answer:                     NUMBER HEX-DATA

An answer goes back where request NUMBER came from, as an echo reply with its identifier and sequence, injected on the
interface. The argument is that interface's name. Standard library only.
"""
import os
import select
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


def request_in(frame: bytes):
    """(ethernet, ip header, source, destination, icmp) of an echo request, or None."""
    ethernet, packet = frame[:14], frame[14:]
    if ethernet[12:14] == b"\x08\x00" and packet[9] == 1:
        length = (packet[0] & 15) * 4
        icmp = packet[length : struct.unpack("!H", packet[2:4])[0]]
        if icmp[:1] == b"\x08":
            return ethernet, 4, packet[12:16], packet[16:20], icmp
    if ethernet[12:14] == b"\x86\xdd" and packet[6] == 58:
        icmp = packet[40 : 40 + struct.unpack("!H", packet[4:6])[0]]
        if icmp[:1] == b"\x80":
            return ethernet, 6, packet[8:24], packet[24:40], icmp
    return None


def reply_frame(request, data: bytes) -> bytes:
    ethernet, version, source, destination, icmp = request
    kind = 0 if version == 4 else 129
    message = bytes([kind, 0, 0, 0]) + icmp[4:8] + data
    if version == 4:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, 1, 0) + destination + source
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        pseudo = b""
    else:
        header = struct.pack("!IHBB", 6 << 28, len(message), 58, 64) + destination + source
        pseudo = destination + source + struct.pack("!IHBB", len(message), 0, 0, 58)
    message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
    return ethernet[6:12] + ethernet[:6] + ethernet[12:14] + header + message


def main() -> None:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((sys.argv[1], 0))
    print("ready", flush=True)
    requests, pending = [], b""
    while True:
        readable, _, _ = select.select([wire, 0], [], [])
        if wire in readable:
            frame, (_, _, packet_type, _, _) = wire.recvfrom(2048)
            request = request_in(frame) if packet_type == 0 else None
            if request is not None:
                requests.append(request)
                source = socket.inet_ntop(socket.AF_INET if request[1] == 4 else socket.AF_INET6, request[2])
                print(len(requests) - 1, source, request[4][8:].hex(), flush=True)
        if 0 in readable:
            chunk = os.read(0, 65536)
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                number, data = line.decode().split(" ")
                wire.send(reply_frame(requests[int(number)], bytes.fromhex(data)))


main()
