"""A steady stream of numbered UDP packets with one TCP connection beside it, and what of both arrives.

    steady-stream.py receive PORT
    steady-stream.py send ADDRESS PORT PER-SECOND

Both print {"ready": true} and then answer each line on standard input with one JSON object. The sender: "mark" says the
number of its next packet and how many lines came back over its connection, which was made before the first packet. The
receiver, which sends back what comes by TCP: "missing FROM TO" says how many of these numbers have not come.
"""
import ctypes
import json
import socket
import struct
import sys
import threading
import time

SO_RCVBUFFORCE, PR_SET_TIMERSLACK = 33, 29


def answer(reply):
    print(json.dumps(reply), flush=True)


def receive(port: int) -> None:
    seen = bytearray(1 << 24)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    # Two seconds of packets may wait while somebody else has the processor.
    udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    udp.bind(("::", port))
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)

    def count() -> None:
        buffer = bytearray(64)
        while True:
            udp.recv_into(buffer)
            seen[struct.unpack_from("!I", buffer)[0]] = 1

    def echo() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=send_back, args=(connection,), daemon=True).start()

    def send_back(connection: socket.socket) -> None:
        while data := connection.recv(64):
            connection.sendall(data)

    for work in (count, echo):
        threading.Thread(target=work, daemon=True).start()
    answer({"ready": True})
    for line in sys.stdin:
        _, first, end = line.split()
        # What was sent is in the buffer by now, and this thread may be ahead of the other.
        for _ in range(40):
            missing = seen.count(0, int(first), int(end))
            if missing == 0:
                break
            time.sleep(0.05)
        answer({"missing": missing})


def send(address: str, port: int, rate: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)
    held = socket.create_connection((address, port))
    held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.connect((address, port))
    state = {"next": 0, "lines": 0}
    pack, now_ns = struct.Struct("!I").pack, time.monotonic_ns

    def talk() -> None:
        while True:
            held.sendall(b"still here\n")
            if not held.recv(64):
                return
            state["lines"] += 1
            time.sleep(0.01)

    def stream() -> None:
        period = 10**9 // rate
        due = now_ns()
        while True:
            pause = due - now_ns()
            if pause > 0:
                time.sleep(pause / 1e9)
            # A processor that was away for long is not made up for: that would be a burst, not a stream.
            due = max(due, now_ns() - 10_000_000)
            while due <= now_ns():
                due += period
                number = state["next"]
                state["next"] = number + 1
                try:
                    udp.send(pack(number))
                except OSError:
                    pass  # refused on the spot, and so lost

    for work in (talk, stream):
        threading.Thread(target=work, daemon=True).start()
    answer({"ready": True})
    for _ in sys.stdin:
        answer({"next": state["next"], "lines": state["lines"]})


if sys.argv[1] == "receive":
    receive(int(sys.argv[2]))
else:
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
