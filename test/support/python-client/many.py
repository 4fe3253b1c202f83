#!/usr/bin/python3
"""Many exchanges of the second client at once: every secret of a file with every address, one packet a turn at a pace.

    many.py VERB FILE PACE_MS WAIT_S ADDRESS...

The exchanges begin PACE_MS apart. Prints one JSON object: how many there are, how many were answered, how long all of it
took, and for each exchange what it was told, in the order of the final answers.
"""

import json
import select
import socket
import sys
import time

import fw_knock
from fw_knock import Exchange, Keys, Wire, read_line

RECEIVE_BYTES = 8 * 1024 * 1024
SO_RCVBUFFORCE = 33


def secrets_of(path):
    with open(path, encoding="utf-8") as file:
        return [entry[1] for entry in map(read_line, file) if entry]


class One:
    """One exchange, and where its packets go."""

    def __init__(self, index, keys, address, begins):
        self.index, self.keys, self.address, self.begins = index, keys, address, begins
        self.exchange = self.first_answer = self.ended = None
        self.sent = 0


def run(verb, path, pace, wait, addresses):
    wire = Wire(addresses[0])
    wire.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
    wire.socket.setblocking(False)
    keys = [Keys(secret) for secret in secrets_of(path)]
    began = time.monotonic()
    pairs = [(key, address) for address in addresses for key in keys]
    waiting = [One(index, key, address, began + index * pace) for index, (key, address) in enumerate(pairs)]
    every, owners, ended = list(waiting), {}, []
    end = began + len(pairs) * pace + wait
    while waiting and time.monotonic() < end:
        next_at = end
        for one in waiting:
            now = time.monotonic()
            if now < one.begins:
                next_at = min(next_at, one.begins)
                break  # The others begin later still.
            if one.exchange is None:
                one.exchange = Exchange(one.keys, verb, False, now, wait)
            if request := one.exchange.due(now):
                owners[request[96:]] = one
                wire.to = (one.address, 0)
                wire.send(request)
                one.sent += 1
            next_at = min(next_at, one.exchange.next_at())
            hear_all(wire, owners, ended)
        select.select([wire.socket], [], [], max(0.0, min(next_at, end) - time.monotonic()))
        hear_all(wire, owners, ended)
        waiting = [one for one in waiting if one.ended is None]
    return {
        "asked": len(every),
        "answered": len(ended),
        "tookMs": round((max((one.ended for one in ended), default=began) - began) * 1000),
        "sent": wire.sent,
        "mostSent": max(one.sent for one in every),
        "followUps": sum(one.exchange.follow_ups for one in every if one.exchange),
        "ends": [
            {
                "index": one.index,
                "verdict": one.exchange.final["verdict"],
                "verified": one.exchange.final["verified"],
                "firstMs": round((one.first_answer - one.begins) * 1000),
                "ms": round((one.ended - one.begins) * 1000),
            }
            for one in ended
        ],
    }


def hear_all(wire, owners, ended):
    while True:
        try:
            data = wire.receive(0)
        except BlockingIOError:
            return
        if data is None:
            if not select.select([wire.socket], [], [], 0)[0]:
                return
            continue
        one = owners.get(data[64:96])
        if one is None or one.ended:
            continue
        now = time.monotonic()
        one.exchange.hear(data, now)
        if one.exchange.provisional or one.exchange.final:
            one.first_answer = one.first_answer or now
        if one.exchange.final:
            one.ended = now
            ended.append(one)


if __name__ == "__main__":
    verb, path, pace, wait, *addresses = sys.argv[1:]
    print(json.dumps(run(verb, path, float(pace) / 1000, float(wait), addresses)))
