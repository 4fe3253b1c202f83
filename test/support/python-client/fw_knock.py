#!/usr/bin/python3
"""A second client for the knock protocol, written from native-notes/knock-protocol.md alone.

It shares no line with the product: it is the check that the document suffices. Sections are the document's.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import select
import socket
import string
import struct
import sys
import time

sys.dont_write_bytecode = True
from tcp_road import KernelSockets, RawSegments

VERBS = {"probe": 1, "reset": 2, "rollback": 3, "confirm": 4}
VERDICTS = dict(enumerate("""alive opened challenge dry-run open-failed nothing-to-do refused
    rolled-back confirmed rollback-failed open-already""".split(), 1))
ONE_WAY, VERIFIED, PINNED = 1, 1, 2  # the flag of a request; the flags of an answer
OBSTACLES = {"complete": 4, "routing": 8, "port-translation": 16, "xdp": 32, "traffic-control": 64, "reverse-path": 128}
FIRST = False  # one of the first clients: no flags of obstacles, no verdict open-already
NO_CHALLENGE = bytes(36)
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
FALLBACK_S = 2.0
AWAIT_VERIFIED_S = 3.0
MOST_FOLLOW_UPS = 8


class Mistake(Exception):
    """What is wrong with a secret, a file or an address; the text never holds a secret."""


# Section 2: the secret


UPPER = string.ascii_uppercase
FOLD = str.maketrans(UPPER + "oil", UPPER.lower().translate(str.maketrans("oil", "011")) + "011")


def plain(text):
    return text.strip().translate(FOLD)


def read_secret(text):
    text = plain(text)
    if not text.startswith("fwk1"):
        raise Mistake("prefix")
    digits = text[4:].replace("-", "")
    if any(digit not in ALPHABET for digit in digits):
        raise Mistake("digit")
    if len(digits) != 30:
        raise Mistake("length")
    bits = 0
    for digit in digits:
        bits = bits << 5 | ALPHABET.index(digit)
    secret = (bits >> 22).to_bytes(16, "big")
    if bits & (1 << 22) - 1 != int.from_bytes(hashlib.sha256(b"fwk1" + secret).digest()[:3], "big") >> 2:
        raise Mistake("check")
    return secret


def canonical(host):
    return host.lower().removesuffix(".")


def read_line(line):
    """(HOST or None, secret) of a line of a secret file, or None when it holds no word."""
    words = re.split(r"(?<!\S)#", line)[0].split()
    if not words:
        return None
    host = None if plain(words[0]).startswith("fwk1") else words.pop(0)
    if len(words) not in (1, 2):
        raise Mistake("HOST fwk1-... [NAME] is wanted")
    if host is not None and not re.fullmatch(r"[a-z0-9_][a-z0-9._:%-]{0,252}|::[a-z0-9:.%-]{0,60}", host.lower()):
        raise Mistake("no host")
    if words[1:] and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,31}", words[1]):
        raise Mistake("no name")
    return host, read_secret(words[0])


def secret_for(path, address):
    """The file's only secret, or the one whose HOST is this address."""
    entries = []
    with open(path, encoding="utf-8-sig", newline="\n") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise Mistake("the secret file is open to others")
        for number, line in enumerate(file, 1):
            try:
                entries.append(read_line(line))
            except Mistake as mistake:
                raise Mistake(f"line {number}: {mistake}") from None
    entries = [entry for entry in entries if entry is not None]
    if len({secret for _, secret in entries}) != len(entries):
        raise Mistake("the same secret twice")
    if len(entries) > 1:
        if any(host is None for host, _ in entries):
            raise Mistake("a line without HOST beside others")
        entries = [(host, secret) for host, secret in entries if canonical(host) == canonical(address)]
    if len(entries) != 1:
        raise Mistake(f"{len(entries)} secrets for this address")
    return entries[0][1]


# Section 3: keys


def mac(key, data):
    return hmac.digest(key, data, "sha256")


class Keys:
    def __init__(self, secret):
        prk = mac(b"fw-watchdog knock v1", secret)
        self.request_tag = mac(prk, b"request tag\x01")[:8]
        self.answer_tag = mac(prk, b"answer tag\x01")[:8]
        self.screen = mac(prk, b"screen\x01")
        self.request = mac(prk, b"request\x01")
        self.answer = mac(prk, b"answer\x01")


# Sections 4 and 5: the messages


def make_request(keys, verb, flags, client_time, nonce, challenge=NO_CHALLENGE):
    head = struct.pack(">8sBBHQ", keys.request_tag, 1, VERBS[verb], flags, client_time)
    fields = head + nonce + challenge + bytes(8)
    screened = fields + mac(keys.screen, fields)[:16]
    return screened + mac(keys.request, screened)


def read_answer(keys, data, request_macs, verb):
    """(None, answer), or (reason, None) by the first check of section 6 that fails."""
    if len(data) != 128:
        return "length", None
    tag, version, told, verdict, flags, dropping, relocks, left, when = struct.unpack(">8sBBBBHHIQ", data[:28])
    challenge, answered, own = data[28:64], data[64:96], data[96:]
    name = VERDICTS.get(verdict)
    for reason, wrong in (
        ("tag", tag != keys.answer_tag),
        ("version", version != 1),
        ("answer-mac", not hmac.compare_digest(own, mac(keys.answer, data[:96]))),
        ("verb", told not in VERBS.values()),
        ("verdict", name is None or FIRST and verdict > 10),
        ("flags", flags & ~(VERIFIED | PINNED) and (FIRST or not flags & VERIFIED or verdict not in (2, 5, 11))),
        ("time", when >= 1 << 53),
        ("challenge", (name == "challenge") == (challenge == NO_CHALLENGE)),
        ("not-our-request", not any([hmac.compare_digest(answered, ours) for ours in request_macs])),
        ("other-verb", told != VERBS[verb]),
    ):
        if wrong:
            return reason, None
    return None, {
        "verdict": name,
        "verified": bool(flags & VERIFIED),
        "pinned": bool(flags & PINNED),
        "obstacles": [kind for kind, value in OBSTACLES.items() if flags & value],
        "dropping": dropping,
        "relocks": relocks,
        "secondsLeft": left,
        "serverTime": when,
        "challenge": challenge,
        "requestMac": answered,
    }


# Section 6: the exchange, which knows no sockets; `now` is in seconds of any steady clock


class Exchange:
    def __init__(self, keys, verb, one_way, now, wait):
        self.keys, self.verb = keys, verb
        self.over_at = now + wait
        self.requests = {}  # by their request MAC
        self.newest_time = 0
        self.follow_ups = 0
        self.ignored = {}
        self.challenged = self.provisional = self.final = None
        self.enter("one-way" if one_way else "first", now)
        self.falls_back_at = now + FALLBACK_S if verb == "reset" and not one_way else float("inf")

    def enter(self, state, now, challenge=NO_CHALLENGE):
        self.newest_time = max(time.time_ns() // 1_000_000, self.newest_time + 1)
        flags = ONE_WAY if state == "one-way" else 0
        nonce = os.urandom(16)
        self.request = make_request(self.keys, self.verb, flags, self.newest_time, nonce, challenge)
        self.requests[self.request[96:]] = self.request
        self.state, self.began, self.copies = state, now, 0

    def next_at(self):
        """When there is something to do again."""
        if self.state == "provisional":
            return self.began + 0.4 * (self.copies + 1)
        at = self.began + ((0, 0.05, 0.15)[self.copies] if self.copies < 3 else 0.4 * (self.copies - 2))
        return min(at, self.falls_back_at) if self.state == "first" else at

    def due(self, now):
        """The bytes to send at this moment, or None."""
        if self.state == "first" and now >= self.falls_back_at:
            self.enter("one-way", now)
        if self.final or now < self.next_at():
            return None
        self.copies += 1
        return self.request

    def hear(self, data, now):
        reason, answer = read_answer(self.keys, data, self.requests, self.verb)
        if reason:
            self.ignored[reason] = self.ignored.get(reason, 0) + 1
        elif answer["verdict"] == "challenge":
            newest = self.follow_ups == 0 or answer["requestMac"] == self.request[96:]
            if not self.provisional and newest and self.follow_ups < MOST_FOLLOW_UPS:
                self.follow_ups += 1
                self.challenged = answer
                self.enter("follow-up", now, answer["challenge"])
        elif answer["verdict"] in ("opened", "open-failed") and not answer["verified"]:
            if not self.provisional:
                self.over_at = now + AWAIT_VERIFIED_S
            if not self.provisional or answer["requestMac"] != self.provisional["requestMac"]:
                self.request = self.requests[answer["requestMac"]]
                self.state, self.began, self.copies = "provisional", now, 0
            self.provisional = answer
        else:
            self.final = answer


# Section 1: the packets


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class Wire:
    def __init__(self, address):
        found = socket.getaddrinfo(address, None, type=socket.SOCK_RAW, flags=socket.AI_NUMERICHOST)
        self.six, self.to = found[0][0] == socket.AF_INET6, found[0][4]
        protocol = socket.IPPROTO_ICMPV6 if self.six else socket.IPPROTO_ICMP
        self.socket = socket.socket(found[0][0], socket.SOCK_RAW, protocol)
        self.identifier, self.sequence = struct.unpack(">HH", os.urandom(4))
        self.sent = 0

    def send(self, data):
        self.sequence = self.sequence + 1 & 0xFFFF
        head = (128 if self.six else 8, 0)
        rest = struct.pack(">HH", self.identifier, self.sequence) + data
        # With IPv6 the kernel writes the checksum, which covers addresses that only it knows.
        total = 0 if self.six else checksum(struct.pack(">BBH", *head, 0) + rest)
        try:
            self.socket.sendto(struct.pack(">BBH", *head, total) + rest, self.to)
            self.sent += 1
        except OSError:
            pass  # A route or a neighbour may come back: the next copy tries again.

    def receive(self, timeout):
        """The data of the next echo reply, from whomever; None when there was none in that time."""
        if not select.select([self.socket], [], [], max(0.0, timeout))[0]:
            return None
        packet = self.socket.recv(65535)
        if not self.six:
            packet = packet[(packet[0] & 15) * 4 :]
        return packet[8:] if packet[:2] == (b"\x81\0" if self.six else b"\0\0") else None


def wire_for(road, address, keys):
    """The carrier of `icmp`, `tcp/PORT` (by the kernel) or `raw-tcp/PORT`."""
    if road == "icmp":
        return Wire(address)
    kind, _, port = road.partition("/")
    return {"tcp": KernelSockets, "raw-tcp": RawSegments}[kind](address, int(port), keys.answer_tag)


def knock(keys, verb, address, one_way, wait, road="icmp"):
    wire = wire_for(road, address, keys)
    exchange = Exchange(keys, verb, one_way, time.monotonic(), wait)
    while exchange.final is None and (now := time.monotonic()) < exchange.over_at:
        if request := exchange.due(now):
            wire.send(request)
        until = min(exchange.next_at(), exchange.over_at)
        data = wire.receive(until - time.monotonic())
        if data:
            exchange.hear(data, time.monotonic())
    answer = exchange.final or exchange.provisional or exchange.challenged or {"verdict": None, "verified": False}
    result = {name: value for name, value in answer.items() if name not in ("challenge", "requestMac")}
    if not answer["verified"] or answer["verdict"] not in ("opened", "open-failed", "open-already"):
        result.pop("dropping", None)
    return {**result, "sent": wire.sent, "followUps": exchange.follow_ups, "ignored": exchange.ignored}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["reset", "probe"])
    parser.add_argument("address")
    parser.add_argument("--secret-file", required=True)
    parser.add_argument("--one-way", action="store_true")
    parser.add_argument("--road", default="icmp", metavar="icmp | tcp/PORT | raw-tcp/PORT")
    parser.add_argument("--first", action="store_true", help="be one of the first clients")
    parser.add_argument("--wait", type=float, default=10.0, metavar="SECONDS")
    options = parser.parse_args()
    global FIRST
    FIRST = options.first
    try:
        keys = Keys(secret_for(options.secret_file, options.address))
        result = knock(keys, options.verb, options.address, options.one_way, options.wait, options.road)
    except (Mistake, OSError) as error:
        print(f"fw_knock: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result))
    if result["verdict"] in (None, "challenge"):
        return 4
    return 0 if result["verdict"] in ("alive", "opened", "open-already") else 1


if __name__ == "__main__":
    sys.exit(main())
