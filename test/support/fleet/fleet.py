"""Stands for many hosts: answers knocks at any address of a network that is local here, as guards would that have not heard from
their client before: a challenge first, and "alive" to the follow-up. Not the server: nothing is opened.

    fleet.py LOSS DEAD < SECRETS

SECRETS: 16 bytes in hex a line, the secret of a host each. LOSS: the share of packets that is lost, each way.
DEAD: every how many-th host answers no knock; 0 for none. Connections to tcp/22 are taken and closed, the dead's too.
Prints `ready`, and at its end (SIGTERM) `heard PACKETS`. Standard library only.
"""
import hashlib
import hmac
import os
import random
import signal
import socket
import struct
import sys
import time

VERSION, PROBE, ALIVE, CHALLENGE, VERIFIED = 1, 1, 1, 3, 1
ZERO = bytes(36)


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


class Host:
    def __init__(self, secret: bytes, dead: bool) -> None:
        prk = mac(b"fw-watchdog knock v1", secret)
        self.tag, self.answer_tag, self.request, self.answer = (
            mac(prk, label + b"\x01") for label in (b"request tag", b"answer tag", b"request", b"answer")
        )
        self.challenge = os.urandom(36)
        self.dead = dead

    def answer_to(self, data: bytes):
        if mac(self.request, data[:96]) != data[96:]:
            return None
        given = data[36:72]
        if given == ZERO:
            verdict, flags, challenge = CHALLENGE, 0, self.challenge
        elif given == self.challenge:
            verdict, flags, challenge = ALIVE, VERIFIED, ZERO
        else:
            return None
        head = self.answer_tag[:8] + bytes([VERSION, data[9], verdict, flags]) + struct.pack("!HHI", 0, 0, 1500)
        head += struct.pack("!Q", int(time.time() * 1000)) + challenge + data[96:]
        return head + mac(self.answer, head)


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def reply(packet: bytes, data: bytes) -> bytes:
    message = bytes(4) + packet[24:28] + data
    message = bytes(2) + struct.pack("!H", checksum(message)) + message[4:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, 1, 0)
    return header + packet[16:20] + packet[12:16] + message


def serve_ssh() -> None:
    listener = socket.create_server(("", 22), backlog=4096)
    while True:
        connection, _ = listener.accept()
        connection.close()


def main() -> None:
    loss, dead = float(sys.argv[1]), int(sys.argv[2])
    hosts = [Host(bytes.fromhex(line), dead > 0 and number % dead == dead - 1) for number, line in enumerate(sys.stdin)]
    by_tag = {host.tag[:8]: host for host in hosts}
    child = os.fork()
    if child == 0:
        serve_ssh()
    wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    wire.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    wire.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    wire.setsockopt(socket.SOL_SOCKET, 32, 64 << 20)  # SO_SNDBUFFORCE
    heard = 0
    lost = random.Random(1).random

    def end(*_) -> None:
        os.kill(child, signal.SIGTERM)
        print("heard", heard, flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    while True:
        packet = wire.recv(2048)
        if packet[20] != 8 or len(packet) != 156:
            continue
        heard += 1
        if loss and lost() < loss:
            continue
        host = by_tag.get(packet[28:36])
        answer = None if host is None or host.dead else host.answer_to(packet[28:])
        if answer is None or (loss and lost() < loss):
            continue
        try:
            wire.sendto(reply(packet, answer), (socket.inet_ntoa(packet[12:16]), 0))
        except BlockingIOError:
            pass


main()
