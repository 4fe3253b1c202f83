#!/usr/bin/env python3
"""Makes the vectors in this folder and the worked examples in native-notes/knock-protocol.md.

An implementation of the byte formats of its own, standard library only: it shares no code with src/knock, so that where
both agree, the document was understood the same way twice. What a guard decides is written down here by hand.

    generate.py            writes the files
    generate.py --check    writes nothing; exit code 1 when a file is not what it would write
"""

import hashlib
import hmac
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parents[2] / "native-notes" / "knock-protocol.md"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
VERBS = {"probe": 1, "reset": 2, "rollback": 3, "confirm": 4}
VERDICTS = ["", "alive", "opened", "challenge", "dry-run", "open-failed", "nothing-to-do", "refused", "rolled-back",
            "confirmed", "rollback-failed", "open-already"]


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(secret, info, length):
    prk = hmac256(b"fw-watchdog knock v1", secret)
    return hmac256(prk, info.encode() + b"\x01")[:length]


class Keys:
    def __init__(self, secret):
        self.secret = secret
        self.request_tag = hkdf(secret, "request tag", 8)
        self.answer_tag = hkdf(secret, "answer tag", 8)
        self.screen = hkdf(secret, "screen", 32)
        self.request = hkdf(secret, "request", 32)
        self.answer = hkdf(secret, "answer", 32)


def secret_text(secret):
    check = int.from_bytes(hashlib.sha256(b"fwk1" + secret).digest()[:4], "big") >> 10
    bits = int.from_bytes(secret, "big") << 22 | check
    digits = "".join(ALPHABET[bits >> shift & 31] for shift in range(145, -1, -5))
    return "fwk1-" + "-".join(digits[i:i + 5] for i in range(0, 30, 5))


def request(keys, verb, time, nonce, flags=0, challenge=bytes(36), argument=bytes(8), version=1):
    code = VERBS.get(verb, verb)
    head = (keys.request_tag + bytes([version, code]) + flags.to_bytes(2, "big") + time.to_bytes(8, "big") + nonce
            + challenge + argument)
    head += hmac256(keys.screen, head)[:16]
    return head + hmac256(keys.request, head)


def answer(keys, to, verdict, flags=0, dropping=0, relocks=0, left=1500, time=1_700_000_000_500, challenge=bytes(36),
           verb=None, version=1):
    code = VERDICTS.index(verdict) if isinstance(verdict, str) else verdict
    head = (keys.answer_tag + bytes([version, to[9] if verb is None else verb, code, flags])
            + dropping.to_bytes(2, "big") + relocks.to_bytes(2, "big") + left.to_bytes(4, "big")
            + time.to_bytes(8, "big") + challenge + to[96:])
    return head + hmac256(keys.answer, head)


def challenge(keys, guard_key, to, boot_ms):
    expiry = (-(-(boot_ms + 30_000) // 1000)).to_bytes(4, "big")
    hard = bytes([to[11] >> 1 & 1])
    bound = b"fw-watchdog challenge v1" + keys.request_tag + expiry + to[20:36] + to[9:10] + hard + to[72:80]
    return expiry + to[20:36] + hmac256(guard_key, bound)[:16]


def flip(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def nonce(name):
    return hashlib.sha256(name.encode()).digest()[:16]


def hex_lines(data, indent=""):
    return "".join(f"{indent}{data[i:i + 16].hex()}\n" for i in range(0, len(data), 16))


FILES = {}


def write(name, title, headers, *blocks):
    lines = f"# {title}\n" + "".join(f"{key}: {value}\n" for key, value in headers.items())
    for block in blocks:
        given, data = block if isinstance(block, tuple) else ({}, block)
        lines += "\n" + "".join(f"{key}: {value}\n" for key, value in given.items()) + hex_lines(data)
    FILES[HERE / f"{name}.txt"] = lines


SECRET = bytes(range(0x10, 0x20))
KEYS = Keys(SECRET)
OTHER = Keys(bytes(range(0x80, 0x90)))
TEXT = secret_text(SECRET)
GUARD = hashlib.sha256(b"the key that was born with this guard").digest()
NOW = 1_700_000_000_000
ONE_WAY, HARD = 1, 2
VERIFIED, PINNED = 1, 2
OBSTACLES = {"complete": 4, "routing": 8, "port-translation": 16, "xdp": 32, "traffic-control": 64, "reverse-path": 128}
FIRST = request(KEYS, "reset", NOW, nonce("first"))


def secrets():
    def vector(name, title, expect, text, **more):
        FILES[HERE / f"secret-{name}.txt"] = (f"# {title}\nmessage: secret\nexpect: {expect}\ntext: {text}\n"
                                              + "".join(f"{key}: {value}\n" for key, value in more.items()))

    vector("accept", "a secret as it is printed", "accept", TEXT, bytes=SECRET.hex())
    vector("accept-zero-one", "the digits that people mix up, put right",
           "accept", TEXT.upper().replace("0", "O").replace("1", "l"), bytes=SECRET.hex())
    vector("accept-hyphens", "hyphens behind the prefix mean nothing", "accept", "fwk1" + TEXT[4:].replace("-", ""),
           bytes=SECRET.hex())
    vector("accept-ones", "all bits set", "accept", secret_text(b"\xff" * 16), bytes="ff" * 16)
    vector("reject-prefix", "another version", "reject prefix", "fwk2" + TEXT[4:])
    vector("reject-length", "a digit left out", "reject length", TEXT[:-1])
    vector("reject-digit", "u is no digit", "reject digit", TEXT[:7] + "u" + TEXT[8:])
    vector("reject-digit-short", "u is no digit, and one is left out too: the digit is told first", "reject digit",
           TEXT[:7] + "u" + TEXT[8:-1])
    wrong = ALPHABET[ALPHABET.index(TEXT[7]) ^ 1]
    vector("reject-check", "one digit mistyped", "reject check", TEXT[:7] + wrong + TEXT[8:])


def requests():
    def vector(name, title, expect, data, **more):
        write(f"request-{name}", title, {"message": "request", "expect": expect, "secret": TEXT, **more}, data)

    for verb in VERBS:
        vector(f"accept-{verb}", f"a first request: {verb}", "accept",
               request(KEYS, verb, NOW, nonce(verb)), verb=verb, flags="none", time=NOW, nonce=nonce(verb).hex())
    vector("accept-flags", "both flags, and a time of all the bits it may have", "accept",
           request(KEYS, "reset", 2**53 - 1, nonce("f"), flags=ONE_WAY | HARD),
           verb="reset", flags="one-way hard", time=2**53 - 1, nonce=nonce("f").hex())
    given = challenge(KEYS, GUARD, FIRST, 5_000)
    vector("accept-follow-up", "a follow-up: the challenge given back, with a new nonce", "accept",
           request(KEYS, "reset", NOW + 80, nonce("second"), challenge=given),
           verb="reset", flags="none", time=NOW + 80, nonce=nonce("second").hex(), challenge=given.hex())
    vector("reject-length-short", "one byte cut off", "reject length", FIRST[:-1])
    vector("reject-length-long", "one byte more", "reject length", FIRST + b"\0")
    vector("reject-length-empty", "no data", "reject length", b"")
    vector("reject-tag", "another secret's request", "reject tag", request(OTHER, "reset", NOW, nonce("first")))
    vector("reject-tag-flipped", "the first bit flipped", "reject tag", flip(FIRST, 0))
    vector("reject-version", "a version that does not exist, with good MACs", "reject version",
           request(KEYS, "reset", NOW, nonce("v"), version=2))
    for name, byte in (("verb", 9), ("flags", 11), ("time", 19), ("nonce", 35), ("challenge", 71), ("argument", 79),
                       ("itself", 95)):
        vector(f"reject-screen-mac-{name}", f"the last bit of byte {byte} flipped", "reject screen-mac",
               flip(FIRST, byte * 8 + 7))
    vector("reject-request-mac", "the last bit flipped: passes the screen, not the guard", "reject request-mac",
           flip(FIRST, 1023))
    stolen = FIRST[:96] + hmac256(KEYS.screen, FIRST[:96])
    vector("reject-request-mac-screen-key", "made by who holds the screen key only", "reject request-mac", stolen)
    vector("reject-verb-zero", "verb 0", "reject verb", request(KEYS, 0, NOW, nonce("z")))
    vector("reject-verb-unknown", "verb 5", "reject verb", request(KEYS, 5, NOW, nonce("u")))
    vector("reject-flags", "a flag that this version does not have", "reject flags",
           request(KEYS, "reset", NOW, nonce("g"), flags=4))
    vector("reject-time", "a time of 2^53", "reject time", request(KEYS, "reset", 2**53, nonce("t")))
    vector("reject-argument", "an argument, which no verb of this version has", "reject argument",
           request(KEYS, "reset", NOW, nonce("a"), argument=bytes(7) + b"\1"))


def answers():
    def vector(name, title, expect, data, to=FIRST, **more):
        write(f"answer-{name}", title,
              {"message": "answer", "expect": expect, "secret": TEXT, "request": to.hex(), **more}, data)

    for verdict in VERDICTS[1:]:
        if verdict != "challenge":
            verb = {"alive": "probe", "confirmed": "confirm"}.get(verdict, "rollback" if "roll" in verdict else "reset")
            to = request(KEYS, verb, NOW, nonce(verdict))
            vector(f"accept-{verdict}", f"the verdict {verdict}", "accept",
                   answer(KEYS, to, verdict, flags=VERIFIED, dropping=2, relocks=1), to=to, verb=verb, verdict=verdict,
                   flags="verified", dropping=2, relocks=1, left=1500, time=1_700_000_000_500)
    given = challenge(KEYS, GUARD, FIRST, 5_000)
    vector("accept-challenge", "a challenge", "accept", answer(KEYS, FIRST, "challenge", challenge=given),
           verb="reset", verdict="challenge", flags="none", dropping=0, relocks=0, left=1500, time=1_700_000_000_500,
           challenge=given.hex())
    vector("accept-most", "every number as large as it can be", "accept",
           answer(KEYS, FIRST, "opened", flags=VERIFIED | PINNED, dropping=65535, relocks=65535, left=2**32 - 1,
                  time=2**53 - 1),
           verb="reset", verdict="opened", flags="verified pinned", dropping=65535, relocks=65535, left=2**32 - 1,
           time=2**53 - 1)
    vector("accept-obstacles", "every obstacle, and all were looked for", "accept",
           answer(KEYS, FIRST, "opened", flags=VERIFIED | sum(OBSTACLES.values())),
           verb="reset", verdict="opened", flags=" ".join(["verified", *OBSTACLES]), dropping=0, relocks=0, left=1500,
           time=1_700_000_000_500)
    vector("accept-open-already-obstacles", "an open host, with what else can stop packets", "accept",
           answer(KEYS, FIRST, "open-already", flags=VERIFIED | OBSTACLES["routing"]),
           verb="reset", verdict="open-already", flags="verified routing", dropping=0, relocks=0, left=1500,
           time=1_700_000_000_500)
    for name, value in OBSTACLES.items():
        vector(f"accept-obstacle-{name}", f"the flag {name} alone, after an open that failed", "accept",
               answer(KEYS, FIRST, "open-failed", flags=VERIFIED | PINNED | value),
               verb="reset", verdict="open-failed", flags=f"verified pinned {name}", dropping=0, relocks=0, left=1500,
               time=1_700_000_000_500)
    good = answer(KEYS, FIRST, "opened", flags=VERIFIED)
    vector("reject-length", "one byte cut off", "reject length", good[:-1])
    vector("reject-tag-echo", "the kernel's own echo reply: the request comes back", "reject tag", FIRST)
    vector("reject-tag-other", "another secret's answer", "reject tag", answer(OTHER, FIRST, "opened"))
    vector("reject-version", "a version that does not exist, with a good MAC", "reject version",
           answer(KEYS, FIRST, "opened", version=2))
    vector("reject-answer-mac-verdict", "the verdict changed", "reject answer-mac", flip(good, 10 * 8 + 7))
    vector("reject-answer-mac-request", "the request MAC changed", "reject answer-mac", flip(good, 95 * 8))
    vector("reject-answer-mac-itself", "the last bit flipped", "reject answer-mac", flip(good, 1023))
    vector("reject-verb", "verb 9", "reject verb", answer(KEYS, FIRST, "opened", verb=9))
    vector("reject-verdict-zero", "verdict 0", "reject verdict", answer(KEYS, FIRST, 0))
    vector("reject-verdict-unknown", "verdict 12", "reject verdict", answer(KEYS, FIRST, 12))
    vector("reject-flags", "a flag of obstacles in an answer that is not verified", "reject flags",
           answer(KEYS, FIRST, "opened", flags=4))
    vector("reject-flags-verdict", "a flag of obstacles with another verdict", "reject flags",
           answer(KEYS, FIRST, "rolled-back", flags=VERIFIED | 128))
    vector("reject-time", "a time of 2^53", "reject time", answer(KEYS, FIRST, "opened", time=2**53))
    vector("reject-challenge-missing", "the verdict challenge without one", "reject challenge",
           answer(KEYS, FIRST, "challenge"))
    vector("reject-challenge-surplus", "a challenge with another verdict", "reject challenge",
           answer(KEYS, FIRST, "opened", challenge=given))
    vector("reject-not-our-request", "the answer to an earlier request", "reject not-our-request",
           answer(KEYS, request(KEYS, "reset", NOW, nonce("earlier")), "opened"))
    vector("reject-other-verb", "the request MAC of ours, the verb of another", "reject other-verb",
           answer(KEYS, FIRST, "opened", verb=VERBS["probe"]))


def guards():
    def vector(name, title, steps, kind="one-time", resumed="no", capacity=65536, born=NOW - 100_000):
        blocks = [({"boot": boot, "wall": wall, "expect": expect, **more}, data)
                  for boot, wall, expect, data, more in steps]
        write(f"guard-{name}", title,
              {"message": "guard", "secret": TEXT, "kind": kind, "resumed": resumed, "capacity": capacity, "born": born,
               "challenge-key": GUARD.hex()}, *blocks)

    def step(boot, expect, data, wall=None, **more):
        return (boot, NOW + boot if wall is None else wall, expect, data, more)

    def asked(verb="reset", at=0, name=None, flags=0, given=bytes(36)):
        return request(KEYS, verb, NOW + at, nonce(name or f"{verb} {at} {flags}"), flags=flags, challenge=given)

    # a probe's exchange at boot 5000, which pins; what comes after it depends on the vector
    first = asked("probe", 5_000)
    given = challenge(KEYS, GUARD, first, 5_010)
    follow = asked("probe", 5_050, given=given)
    exchange = [step(5_010, "challenge first-request", first, challenge=given.hex()), step(5_060, "act challenge", follow)]

    vector("challenge", "asked, answered with a challenge, followed up: acts once; copies get the same answer again",
           [*exchange,
            step(5_070, "ignore repeated-too-soon", follow),
            step(5_081, "repeat", follow),
            step(5_090, "repeat", first),
            step(5_095, "ignore repeated-too-soon", first)])
    vector("challenge-once", "a challenge is good once, whatever the nonce",
           [*exchange, step(5_200, "challenge challenge-used", asked("probe", 4_000, "again", given=given))])
    vector("challenge-expired", "31 seconds after it was issued it is worth nothing; a moment before the expiry it is",
           [step(5_010, "challenge first-request", first),
            step(36_010, "challenge challenge-expired", asked("probe", 5_050, "late", given=given))])
    vector("challenge-last-moment", "expiry 36 s: good at 35.999 s",
           [step(5_010, "challenge first-request", first), step(35_999, "act challenge", follow)])
    vector("challenge-too-late", "expiry 36 s: no good at 36.000 s",
           [step(5_010, "challenge first-request", first), step(36_000, "challenge challenge-expired", follow)])
    vector("challenge-forged", "a challenge binds verb and hard; one bit of it flipped is none; nor is another guard's",
           [step(5_010, "challenge first-request", first),
            step(5_060, "challenge challenge-forged", asked("reset", 5_050, given=given)),
            step(5_061, "challenge challenge-forged", asked("probe", 5_051, flags=HARD, given=given)),
            step(5_062, "challenge challenge-forged", asked("probe", 5_052, given=flip(given, 31))),
            step(5_063, "challenge challenge-forged", asked("probe", 5_053, given=flip(given, 32))),
            step(5_064, "challenge challenge-forged", asked("probe", 5_054, given=flip(given, 287))),
            step(5_065, "challenge challenge-forged",
                 asked("probe", 5_055, given=challenge(KEYS, bytes(32), first, 5_010))),
            step(5_066, "act challenge", asked("probe", 5_056, flags=ONE_WAY, given=given))],
           kind="standing")
    vector("pin", "after an exchange one packet is enough; held back for 31 s it is not",
           [*exchange,
            step(20_000, "act pin", asked(at=19_990)),
            step(20_001, "challenge not-later", asked(at=19_990, name="same time")),
            step(20_002, "challenge not-later", asked(at=19_000)),
            step(51_000, "challenge pin-distance", asked(at=20_000)),
            step(52_000, "challenge pin-distance", asked(at=83_500)),
            step(53_000, "act pin", asked(at=53_000))])
    vector("pin-clocks", "the client's clock ten years ahead: pinned all the same",
           [step(9_000, "challenge first-request", asked("probe", 315_576_000_000)),
            step(9_100, "act challenge", asked("probe", 315_576_000_100, given=challenge(
                KEYS, GUARD, asked("probe", 315_576_000_000), 9_000))),
            step(90_000, "act pin", asked(at=315_576_081_000))], kind="standing")
    vector("pin-held-exchange", "a follow-up that was held back does not let a later knock be held for longer",
           [step(5_010, "challenge first-request", first),
            step(35_000, "act challenge", follow),
            step(71_100, "challenge pin-distance", asked(at=40_000))])
    vector("needs-challenge", "what a pin is not enough for, and the hard reset that may be one-way",
           [*exchange,
            step(6_000, "challenge needs-challenge", asked("rollback", 6_000)),
            step(6_001, "challenge needs-challenge", asked("confirm", 6_001, flags=ONE_WAY)),
            step(6_002, "challenge needs-challenge", asked("reset", 6_002, flags=HARD)),
            step(6_003, "act one-way", asked("reset", 6_003, flags=HARD | ONE_WAY)),
            step(6_004, "act pin", asked("reset", 6_004))])
    vector("one-way", "a one-time secret: any unseen nonce, whatever the clocks say",
           [step(5_000, "challenge first-request", asked()),
            step(7_000, "act one-way", asked(at=2_000, flags=ONE_WAY)),
            step(7_030, "repeat", asked(at=2_000, flags=ONE_WAY)),
            step(8_000, "act one-way", asked(at=-315_576_000_000, flags=ONE_WAY)),
            step(9_000, "act one-way", asked(at=315_576_000_000, flags=ONE_WAY))])
    vector("one-way-standing", "a standing secret: 60 s around the wall clock, and made in this session",
           [step(5_000, "act one-way", asked(at=5_000, flags=ONE_WAY)),
            step(65_000, "act one-way", asked(at=5_001, flags=ONE_WAY), wall=NOW + 65_001),
            step(65_100, "challenge one-way-window", asked(at=5_002, flags=ONE_WAY), wall=NOW + 65_003),
            step(65_200, "act one-way", asked(at=125_200, flags=ONE_WAY)),
            step(65_300, "challenge one-way-window", asked(at=125_301, flags=ONE_WAY))], kind="standing")
    vector("one-way-earlier-session", "a standing secret's one-way knock from before this session",
           [step(5_000, "challenge before-session", asked(at=1_000, flags=ONE_WAY)),
            step(5_001, "act one-way", asked(at=1_001, flags=ONE_WAY))], kind="standing", born=NOW + 1_000)
    vector("resumed", "a guard that goes on after a crash takes nothing but challenges, and pins nobody",
           [*[(boot, wall, expect.replace("first-request", "needs-challenge"), data, more)
              for boot, wall, expect, data, more in exchange],
            step(6_000, "challenge needs-challenge", asked(at=6_000)),
            step(6_001, "challenge needs-challenge", asked(at=6_001, flags=ONE_WAY))], resumed="yes")
    evicted = asked(at=1_000, flags=ONE_WAY)
    vector("forgotten", "a nonce that had to be forgotten never acts again; whoever is later than it loses nothing",
           [step(1_000, "act one-way", evicted),
            step(1_500, "repeat", evicted),
            step(2_000, "act one-way", asked(at=2_000, flags=ONE_WAY)),
            step(3_000, "act one-way", asked(at=3_000, flags=ONE_WAY)),
            step(4_000, "challenge forgotten", evicted),
            step(5_000, "act one-way", asked(at=5_000, flags=ONE_WAY))], capacity=2)


def examples():
    """The section between the markers of the document."""
    probe = request(KEYS, "probe", NOW, nonce("example probe"))
    given = challenge(KEYS, GUARD, probe, 86_400_250)
    follow = request(KEYS, "probe", NOW + 41, nonce("example follow-up"), challenge=given)
    reset = request(KEYS, "reset", NOW + 600_000, nonce("example reset"), flags=0)
    lone = request(KEYS, "reset", NOW + 700_000, nonce("example one-way"), flags=ONE_WAY)
    parts = [
        ("secret", TEXT), ("secret bytes", SECRET), ("request tag", KEYS.request_tag), ("answer tag", KEYS.answer_tag),
        ("screen key", KEYS.screen), ("request key", KEYS.request), ("answer key", KEYS.answer),
        ("a probe, client time 1700000000000, nonce " + nonce("example probe").hex(), probe),
        ("its answer: challenge, 1500 s left, server time 1700000000020",
         answer(KEYS, probe, "challenge", challenge=given, time=NOW + 20)),
        ("the follow-up, client time 1700000000041, nonce " + nonce("example follow-up").hex(), follow),
        ("its answer: alive, pinned, 1500 s left, server time 1700000000061",
         answer(KEYS, follow, "alive", flags=PINNED, time=NOW + 61)),
        ("ten minutes later a reset, client time 1700000600000, nonce " + nonce("example reset").hex(), reset),
        ("its answer, at once: opened, pinned, 900 s left, server time 1700000600020",
         answer(KEYS, reset, "opened", flags=PINNED, left=900, time=NOW + 600_020)),
        ("its second answer: opened, verified, pinned, all obstacles looked for, routing seen, 1 still dropping, server time "
         "1700000600031", answer(KEYS, reset, "opened", flags=VERIFIED | PINNED | OBSTACLES["complete"] | OBSTACLES["routing"],
                                 dropping=1, left=900, time=NOW + 600_031)),
        ("behind it the same without obstacles: opened, verified, pinned, 1 still dropping, server time 1700000600031",
         answer(KEYS, reset, "opened", flags=VERIFIED | PINNED, dropping=1, left=900, time=NOW + 600_031)),
        ("had it found nothing to change, its second answer: open-already, verified, pinned, server time 1700000600032",
         answer(KEYS, reset, "open-already", flags=VERIFIED | PINNED, left=900, time=NOW + 600_032)),
        ("behind that the same for the first clients: opened, verified, pinned, server time 1700000600032",
         answer(KEYS, reset, "opened", flags=VERIFIED | PINNED, left=900, time=NOW + 600_032)),
        ("a reset with the one-way flag, client time 1700000700000, nonce " + nonce("example one-way").hex(), lone),
    ]
    text = "".join(f"{title}\n" + (f"    {part}\n" if isinstance(part, str) else hex_lines(part, "    "))
                   for title, part in parts)
    return f"```\n{text}```\n"


def document():
    begin, end = "<!-- examples: begin -->\n", "<!-- examples: end -->\n"
    old = DOCUMENT.read_text()
    before, rest = old.split(begin)
    after = rest.split(end)[1]
    FILES[DOCUMENT] = before + begin + examples() + end + after


def main():
    for make in (secrets, requests, answers, guards, document):
        make()
    stale = [path for path, text in FILES.items() if not path.exists() or path.read_text() != text]
    stale += [path for path in HERE.glob("*.txt") if path not in FILES]
    if sys.argv[1:] == ["--check"]:
        for path in stale:
            print(f"{path} is not what generate.py writes", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(FILES[path]) if path in FILES else path.unlink()
    print(f"{len(FILES)} files, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
