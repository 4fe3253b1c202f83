"""Writes down what leaves by a device, but for the probes, until a line comes on its standard input.

    record.py DEVICE PROBE-PORT

{"ready": true} when it begins; then {"frames": [...]}, IPv4 packets in whole frames, in hex.
"""
import json
import select
import socket
import struct
import sys

ETH_P_ALL, PACKET_OUTGOING = 3, 4
device, probe_port = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
sock.bind((device, ETH_P_ALL))
print(json.dumps({"ready": True}), flush=True)
frames = []
while True:
    readable, _, _ = select.select([sock, sys.stdin], [], [])
    if sock in readable:
        frame, (_, protocol, kind, *_rest) = sock.recvfrom(65535)
        is_probe = frame[23] == socket.IPPROTO_UDP and struct.unpack("!H", frame[36:38])[0] == probe_port
        if protocol == 0x0800 and kind == PACKET_OUTGOING and not is_probe:
            frames.append(frame.hex())
    elif sys.stdin in readable:
        break
print(json.dumps({"frames": frames}), flush=True)
