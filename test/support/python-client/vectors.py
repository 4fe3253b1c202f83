#!/usr/bin/python3
"""Runs the vectors that concern a client through fw_knock: one JSON object a file, what it wants and got."""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
import fw_knock

FLAGS_OF_REQUEST = {"none": 0, "one-way": 1, "hard": 2}


def load(path):
    lines = [line for line in path.read_text().split("\n") if not line.startswith("#")]
    end = lines.index("") if "" in lines else len(lines)
    return dict(line.split(": ", 1) for line in lines[:end]), "".join(lines[end:])


def secret(headers, _):
    try:
        return {"expect": "accept", "bytes": fw_knock.read_secret(headers["text"]).hex()}
    except fw_knock.Mistake as mistake:
        return {"expect": f"reject {mistake}"}


def answer(headers, data):
    keys = fw_knock.Keys(fw_knock.read_secret(headers["secret"]))
    request = bytes.fromhex(headers["request"])
    verb = next(name for name, number in fw_knock.VERBS.items() if number == request[9])
    reason, said = fw_knock.read_answer(keys, data, [request[96:]], verb)
    if reason:
        return {"expect": f"reject {reason}"}
    got = {"expect": "accept", "verb": verb, "verdict": said["verdict"], "time": str(said["serverTime"])}
    got |= {name: str(said[name]) for name in ("dropping", "relocks")} | {"left": str(said["secondsLeft"])}
    flags = [name for name in ("verified", "pinned") if said[name]] + said["obstacles"]
    got["flags"] = " ".join(flags) or "none"
    return got | ({"challenge": said["challenge"].hex()} if said["verdict"] == "challenge" else {})


def request(headers, data):
    """A client makes requests and never reads one: the accepted ones, made again from what they say."""
    if headers["expect"] != "accept":
        return None
    keys = fw_knock.Keys(fw_knock.read_secret(headers["secret"]))
    flags = sum(FLAGS_OF_REQUEST[name] for name in headers["flags"].split())
    challenge = bytes.fromhex(headers.get("challenge", "00" * 36))
    nonce = bytes.fromhex(headers["nonce"])
    made = fw_knock.make_request(keys, headers["verb"], flags, int(headers["time"]), nonce, challenge)
    return {"expect": "accept" if made == data else f"made {made.hex()}"}


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.txt")):
    headers, data = load(path)
    run = {"secret": secret, "answer": answer, "request": request}.get(headers["message"])
    got = run(headers, bytes.fromhex(data)) if run else None  # a guard's are not for a client
    if got is None:
        continue
    wanted = {name: headers.get(name) for name in got}
    if headers["message"] == "answer" and headers["expect"] == "accept":
        wanted = {name: headers[name] for name in headers.keys() - {"message", "secret", "request"}}
    print(json.dumps({"file": path.name, "wanted": wanted, "got": got}))
