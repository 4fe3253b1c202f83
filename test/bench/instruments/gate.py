"""Says whether the firewall lets a probe through, as often as it is asked.

    gate.py PORT

For each line of standard input, a number of seconds: forgets what came so far, and waits so long for a probe. One JSON
object for each: {"open": true or false}. One line when it begins: {"ready": true}.
"""
import json
import select
import socket
import sys

sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.bind(("::", int(sys.argv[1])))
sock.setblocking(False)
print(json.dumps({"ready": True}), flush=True)
for line in iter(sys.stdin.readline, ""):
    while True:
        try:
            sock.recv(64)
        except BlockingIOError:
            break
    readable, _, _ = select.select([sock], [], [], float(line))
    print(json.dumps({"open": bool(readable)}), flush=True)
