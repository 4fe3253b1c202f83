#!/usr/bin/python3
"""Makes the capture files of this folder, and expected.tsv, with scapy (Debian: python3-scapy).

    /usr/bin/python3 test/captures/make.py

An independent implementation builds the packets, so that the decoder is not tested against itself. Every packet stands
here together with what the decoder has to say of it; expected.tsv has one line a packet:

    file <tab> number from 1 <tab> what it is <tab> verdict

where the verdict is `STAGE/REASON` for a rejection, and otherwise

    request|reply SOURCE > DESTINATION id N seq N data LENGTH [vlan ID,ID] [trailer N] [bad-checksum]

Nothing here is random and the times are fixed: running it again changes no byte.
"""

import os
import struct

from scapy.all import (
    CookedLinux,
    Dot1AD,
    Dot1Q,
    Ether,
    ICMP,
    IP,
    IPOption_LSRR,
    IPOption_RR,
    IPOption_Router_Alert,
    IPOption_SSRR,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6NDOptSrcLLAddr,
    PadN,
    ARP,
    Raw,
    RouterAlert,
    TCP,
    UDP,
    fragment,
    raw,
)

here = os.path.dirname(os.path.abspath(__file__))

ETHERNET, NULL, RAW, SLL, SLL2 = 1, 0, 101, 113, 276
server_mac, client_mac = "02:00:00:00:00:01", "02:00:00:00:00:02"
V4 = "192.0.2.2 > 192.0.2.1"
V6 = "2001:db8::2 > 2001:db8::1"
data = bytes(range(128))
ID, SEQ = 0x1234, 7
told = f"id {ID} seq {SEQ} data 128"

ether = Ether(src=client_mac, dst=server_mac)


def ip4(**fields):
    return IP(src="192.0.2.2", dst="192.0.2.1", id=0x4242, **fields)


def ip6(**fields):
    return IPv6(src="2001:db8::2", dst="2001:db8::1", **fields)


def echo4(kind="echo-request", payload=data):
    return ICMP(type=kind, id=ID, seq=SEQ) / Raw(payload)


def echo6(payload=data):
    return ICMPv6EchoRequest(id=ID, seq=SEQ, data=payload)


def reply6(payload=data):
    return ICMPv6EchoReply(id=ID, seq=SEQ, data=payload)


def sll(packet_type=0, arphrd=1, protocol=0x0800):
    # unused is the address: 8 bytes of which lladdrlen count
    return CookedLinux(pkttype=packet_type, lladdrtype=arphrd, lladdrlen=6, src=b"\x02\0\0\0\0\x02\0\0", proto=protocol)


def sll2(packet_type=0, arphrd=1, protocol=0x0800, ifindex=3):
    # Written out, all 20 bytes: its layer in scapy is too new to count on.
    return struct.pack(">HHIHBB8s", protocol, 0, ifindex, arphrd, packet_type, 6, b"\x02\0\0\0\0\x02\0\0")


def changed(packet, at, value):
    """The bytes of `packet` with those at `at` replaced."""
    whole = bytearray(raw(packet))
    whole[at : at + len(value)] = value
    return bytes(whole)


class Cut(bytes):
    """What a capture kept of a packet that was `original` bytes long."""

    original = 0


def cut(packet, length):
    kept = Cut(raw(packet)[:length])
    kept.original = len(raw(packet))
    return kept


good4 = raw(ip4() / echo4())
good6 = raw(ip6() / echo6())

captures = {
    "ethernet.pcap": (
        ETHERNET,
        [
            ("ICMP request", ether / ip4() / echo4(), f"request {V4} {told}"),
            ("ICMP reply", ether / ip4() / echo4("echo-reply"), f"reply {V4} {told}"),
            ("ICMPv6 request", ether / ip6() / echo6(), f"request {V6} {told}"),
            ("ICMPv6 reply", ether / ip6() / reply6(), f"reply {V6} {told}"),
            ("short request, padded to 60 bytes", raw(ether / ip4() / echo4(payload=b"abc")) + bytes(15),
             f"request {V4} id {ID} seq {SEQ} data 3 trailer 15"),
            ("request without data", ether / ip4() / echo4(payload=b""), f"request {V4} id {ID} seq {SEQ} data 0"),
            ("data of odd length", ether / ip6() / echo6(b"odd"), f"request {V6} id {ID} seq {SEQ} data 3"),
            ("ICMPv6 request with padding behind", raw(ether / ip6() / echo6()) + b"\xaa\xbb",
             f"request {V6} {told} trailer 2"),
            ("wrong ICMP checksum", ether / ip4() / ICMP(type=8, id=ID, seq=SEQ, chksum=0xBAD) / Raw(data),
             f"request {V4} {told} bad-checksum"),
            ("wrong ICMPv6 checksum", ether / ip6() / ICMPv6EchoRequest(id=ID, seq=SEQ, data=data, cksum=0xBAD),
             f"request {V6} {told} bad-checksum"),
            ("UDP", ether / ip4() / UDP(sport=9, dport=9) / Raw(data), "ipv4/not-icmp"),
            ("TCP", ether / ip4() / TCP(dport=22), "ipv4/not-icmp"),
            ("UDP over IPv6", ether / ip6() / UDP(sport=9, dport=9) / Raw(data), "ipv6/not-icmp"),
            ("ICMP unreachable", ether / ip4() / ICMP(type=3, code=1) / Raw(good4[:28]), "icmp/not-echo"),
            ("ICMPv6 unreachable", ether / ip6() / ICMPv6DestUnreach() / Raw(good6[:48]), "icmp/not-echo"),
            ("timestamp request", ether / ip4() / ICMP(type=13, id=ID, seq=SEQ, ts_ori=0, ts_rx=0, ts_tx=0),
             "icmp/not-echo"),
            ("echo request with a code", ether / ip4() / ICMP(type=8, code=1, id=ID, seq=SEQ), "icmp/not-echo"),
            ("ICMPv6 in IPv4", ether / ip4(proto=58) / Raw(bytes([128, 0, 0, 0, 0x12, 0x34, 0, 7]) + data),
             "ipv4/not-icmp"),
            ("ICMP in IPv6", ether / ip6(nh=1) / Raw(raw(echo4())), "ipv6/not-icmp"),
            ("ICMP type 128 in IPv4", ether / ip4(proto=1) / Raw(b"\x80\0\0\0\0\0\0\0"), "icmp/not-echo"),
            ("ARP", Ether(src=client_mac, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="192.0.2.2", pdst="192.0.2.1",
             hwsrc=client_mac), "link/not-ip"),
            ("IEEE 802.3 length instead of a type", Ether(src=client_mac, dst=server_mac, type=100) / Raw(bytes(100)),
             "link/not-ip"),
            ("IPv6 announced as IPv4", Ether(src=client_mac, dst=server_mac, type=0x0800) / Raw(good6),
             "ipv4/bad-version"),
            ("IPv4 announced as IPv6", Ether(src=client_mac, dst=server_mac, type=0x86DD) / Raw(good4),
             "ipv6/bad-version"),
            ("to a multicast address", Ether(src=client_mac, dst="01:00:5e:00:00:01") /
             IP(src="192.0.2.2", dst="224.0.0.1") / echo4(), f"request 192.0.2.2 > 224.0.0.1 {told}"),
            ("link-local", ether / IPv6(src="fe80::2", dst="fe80::1") / echo6(), f"request fe80::2 > fe80::1 {told}"),
            ("IPv4-mapped source", ether / IPv6(src="::ffff:192.0.2.2", dst="2001:db8::1") / echo6(),
             f"request ::ffff:192.0.2.2 > 2001:db8::1 {told}"),
            ("addresses with inner zeros", ether / IPv6(src="2001:db8:0:0:1:0:0:1", dst="2001:0:0:1:0:0:0:1") / echo6(),
             f"request 2001:db8::1:0:0:1 > 2001:0:0:1::1 {told}"),
            ("loopback device, header checksum blank", Ether(src="00:00:00:00:00:00", dst="00:00:00:00:00:00") /
             IP(src="127.0.0.1", dst="127.0.0.1", chksum=0) / echo4(), f"request 127.0.0.1 > 127.0.0.1 {told}"),
            ("largest packet", ether / ip4() / echo4(payload=bytes(65507)),
             f"request {V4} id {ID} seq {SEQ} data 65507"),
        ],
    ),
    "vlan.pcap": (
        ETHERNET,
        [
            ("802.1Q", ether / Dot1Q(vlan=42, prio=5) / ip4() / echo4(), f"request {V4} {told} vlan 42"),
            ("802.1Q, IPv6", ether / Dot1Q(vlan=4094) / ip6() / echo6(), f"request {V6} {told} vlan 4094"),
            ("802.1Q, priority only", ether / Dot1Q(vlan=0, prio=7) / ip4() / echo4(), f"request {V4} {told} vlan 0"),
            ("802.1ad and 802.1Q", ether / Dot1AD(vlan=100) / Dot1Q(vlan=42) / ip4() / echo4(),
             f"request {V4} {told} vlan 100,42"),
            ("802.1Q twice", ether / Dot1Q(vlan=100) / Dot1Q(vlan=42) / ip6() / echo6(),
             f"request {V6} {told} vlan 100,42"),
            ("0x9100 outside", changed(ether / Dot1Q(vlan=100) / Dot1Q(vlan=42) / ip4() / echo4(), 12, b"\x91\x00"),
             f"request {V4} {told} vlan 100,42"),
            ("three tags", ether / Dot1AD(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / ip4() / echo4(),
             "link/too-many-vlan-tags"),
            ("short, padded", raw(ether / Dot1Q(vlan=42) / ip4() / echo4(payload=b"abc")) + bytes(11),
             f"request {V4} id {ID} seq {SEQ} data 3 vlan 42 trailer 11"),
            ("ends in the tag", cut(ether / Dot1Q(vlan=42) / ip4() / echo4(), 16), "link/truncated"),
            ("ends after the tag's type", cut(ether / Dot1Q(vlan=42) / ip4() / echo4(), 18), "ipv4/truncated"),
            ("tagged ARP", ether / Dot1Q(vlan=42) / ARP(psrc="192.0.2.2", pdst="192.0.2.1", hwsrc=client_mac),
             "link/not-ip"),
        ],
    ),
    "sll.pcap": (
        SLL,
        [
            ("to us", sll() / ip4() / echo4(), f"request {V4} {told}"),
            ("to us, IPv6", sll(protocol=0x86DD) / ip6() / echo6(), f"request {V6} {told}"),
            ("to another host", sll(packet_type=3) / ip4() / echo4(), f"request {V4} {told}"),
            ("outgoing, header checksum blank", sll(packet_type=4) / ip4(chksum=0) / echo4(), f"request {V4} {told}"),
            ("incoming, header checksum blank", sll() / ip4(chksum=0) / echo4(), "ipv4/bad-checksum"),
            ("loopback", sll(arphrd=772) / IP(src="127.0.0.1", dst="127.0.0.1", chksum=0) / echo4(),
             f"request 127.0.0.1 > 127.0.0.1 {told}"),
            ("tagged", sll(protocol=0x8100) / Raw(b"\x00\x2a\x08\x00" + good4), f"request {V4} {told} vlan 42"),
            ("ARP", sll(protocol=0x0806) / Raw(bytes(28)), "link/not-ip"),
            ("netlink, whose protocol is no etherType", sll(arphrd=824) / Raw(good4), "link/not-ip"),
            ("ends in the header", cut(sll() / ip4(), 15), "link/truncated"),
            ("tun device: no link address", changed(sll(arphrd=65534) / ip4() / echo4(), 4, bytes(10)),
             f"request {V4} {told}"),
        ],
    ),
    "sll2.pcap": (
        SLL2,
        [
            ("to us", sll2() + good4, f"request {V4} {told}"),
            ("to us, IPv6", sll2(protocol=0x86DD) + good6, f"request {V6} {told}"),
            ("outgoing, header checksum blank", sll2(packet_type=4) + raw(ip4(chksum=0) / echo4()),
             f"request {V4} {told}"),
            ("incoming, header checksum blank", sll2() + raw(ip4(chksum=0) / echo4()), "ipv4/bad-checksum"),
            ("two tags", sll2(protocol=0x88A8) + b"\x00\x64\x81\x00\x00\x2a\x86\xdd" + good6,
             f"request {V6} {told} vlan 100,42"),
            ("802.11, whose protocol is no etherType", sll2(arphrd=801) + good4, "link/not-ip"),
            ("ends in the header", sll2()[:19], "link/truncated"),
            ("large interface number", sll2(ifindex=0x80000001) + good4, f"request {V4} {told}"),
        ],
    ),
    "raw.pcap": (
        RAW,
        [
            ("IPv4", good4, f"request {V4} {told}"),
            ("IPv6", good6, f"request {V6} {told}"),
            ("IPv4 with bytes behind", good4 + b"\x01", f"request {V4} {told} trailer 1"),
            ("version 5", b"\x50" + good4[1:], "link/not-ip"),
            ("one byte", b"\x45", "ipv4/truncated"),
            ("one byte of IPv6", b"\x60", "ipv6/truncated"),
        ],
    ),
    "null.pcap": (
        NULL,
        [
            ("IPv4, little endian", b"\x02\0\0\0" + good4, f"request {V4} {told}"),
            ("IPv4, big endian", b"\0\0\0\x02" + good4, f"request {V4} {told}"),
            ("the number of IPv6 on Linux, which has no such links", b"\x0a\0\0\0" + good6, "link/not-ip"),
            ("IPv6 of NetBSD", b"\0\0\0\x18" + good6, f"request {V6} {told}"),
            ("IPv6 of FreeBSD", b"\x1c\0\0\0" + good6, f"request {V6} {told}"),
            ("IPv6 of Darwin", b"\x1e\0\0\0" + good6, f"request {V6} {told}"),
            ("another family", b"\x07\0\0\0" + good4, "link/not-ip"),
            ("a family in the middle", b"\0\x02\0\0" + good4, "link/not-ip"),
            ("family and version differ", b"\x02\0\0\0" + good6, "ipv4/bad-version"),
            ("ends in the family", b"\x02\0\0", "link/truncated"),
        ],
    ),
    "ipv4.pcap": (
        RAW,
        [
            ("record route", ip4(options=[IPOption_RR(pointer=4, routers=["0.0.0.0", "0.0.0.0"])]) / echo4(),
             f"request {V4} {told}"),
            ("router alert", ip4(options=[IPOption_Router_Alert()]) / echo4(), f"request {V4} {told}"),
            ("40 bytes of no operation", ip4(options=[b"\x01"] * 40) / echo4(), f"request {V4} {told}"),
            ("end of options, then anything", ip4(options=[b"\x00\xff\xff\xff"]) / echo4(), f"request {V4} {told}"),
            ("loose source route with a hop to go", ip4(options=[IPOption_LSRR(pointer=4, routers=["203.0.113.9"])]) /
             echo4(), "ipv4/source-routed"),
            ("loose source route used up", ip4(options=[IPOption_LSRR(pointer=8, routers=["203.0.113.9"])]) / echo4(),
             f"request {V4} {told}"),
            ("strict source route with a hop to go", ip4(options=[IPOption_SSRR(pointer=4, routers=["203.0.113.9"])]) /
             echo4(), "ipv4/source-routed"),
            ("loose source route whose pointer is at its end", ip4(options=[IPOption_LSRR(pointer=7,
             routers=["203.0.113.9"])]) / echo4(), "ipv4/source-routed"),
            ("option of length 0", ip4(options=[b"\x07\x00\x00\x00"]) / echo4(), "ipv4/bad-options"),
            ("option of length 1", ip4(options=[b"\x07\x01\x00\x00"]) / echo4(), "ipv4/bad-options"),
            ("option longer than the header", ip4(options=[b"\x07\x05\x04\x00"]) / echo4(), "ipv4/bad-options"),
            ("option without a length", ip4(options=[b"\x01\x01\x01\x07"]) / echo4(), "ipv4/bad-options"),
            ("don't fragment, reserved bit, tos, ttl 1", ip4(flags=6, tos=0xB9, ttl=1) / echo4(),
             f"request {V4} {told}"),
            ("first fragment", fragment(ip4() / echo4(), 64)[0], "ipv4/fragment"),
            ("middle fragment", fragment(ip4() / echo4(), 64)[1], "ipv4/fragment"),
            ("last fragment", fragment(ip4() / echo4(), 64)[-1], "ipv4/fragment"),
            ("header length 4 words", ip4(ihl=4) / echo4(), "ipv4/bad-length"),
            ("header longer than the packet", IP(ihl=15, len=24, src="192.0.2.2", dst="192.0.2.1", proto=1) /
             Raw(bytes(40)), "ipv4/bad-length"),
            ("total length below the header's", ip4(len=19) / echo4(), "ipv4/bad-length"),
            ("total length 0", ip4(len=0) / echo4(), "ipv4/bad-length"),
            ("total length beyond the end", ip4(len=157) / echo4(), "ipv4/truncated"),
            ("total length in the ICMP header", ip4(len=27) / echo4(), "icmp/truncated"),
            ("total length before the end", ip4(len=100) / echo4(),
             f"request {V4} id {ID} seq {SEQ} data 72 trailer 56 bad-checksum"),
            ("cut short by the capture", cut(good4, 100), "ipv4/truncated"),
            ("cut in the header", cut(good4, 19), "ipv4/truncated"),
            ("wrong header checksum", ip4(chksum=0x1234) / echo4(), "ipv4/bad-checksum"),
            ("ttl changed on the way, checksum not", changed(ip4() / echo4(), 8, b"\x01"), "ipv4/bad-checksum"),
        ],
    ),
    "ipv6.pcap": (
        RAW,
        [
            ("hop-by-hop", ip6() / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / echo6(), f"request {V6} {told}"),
            ("destination options", ip6() / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(20))]) / echo6(),
             f"request {V6} {told}"),
            ("routing, none left", ip6() / IPv6ExtHdrRouting(type=0, segleft=0, addresses=["2001:db8::9"]) / echo6(),
             f"request {V6} {told}"),
            ("routing, one left", ip6() / IPv6ExtHdrRouting(type=0, segleft=1, addresses=["2001:db8::9"]) / echo6(),
             "ipv6/source-routed"),
            ("all of them", ip6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() /
             IPv6ExtHdrRouting(segleft=0, addresses=[]) / IPv6ExtHdrDestOpt() / echo6(), f"request {V6} {told}"),
            ("reply behind destination options", ip6() / IPv6ExtHdrDestOpt() / reply6(), f"reply {V6} {told}"),
            ("eight destination options", ip6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() /
             IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() /
             IPv6ExtHdrDestOpt() / echo6(), f"request {V6} {told}"),
            ("nine destination options", ip6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() /
             IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() /
             IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / echo6(), "ipv6/too-many-extensions"),
            ("hop-by-hop not first", ip6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrHopByHop() / echo6(),
             "ipv6/bad-extension"),
            ("fragment", ip6() / IPv6ExtHdrFragment(offset=0, m=1, id=5) / echo6(), "ipv6/fragment"),
            ("last fragment", ip6() / IPv6ExtHdrFragment(offset=8, m=0, id=5) / Raw(bytes(64)), "ipv6/fragment"),
            ("atomic fragment", ip6() / IPv6ExtHdrFragment(offset=0, m=0, id=5) / echo6(), "ipv6/fragment"),
            ("fragment behind destination options", ip6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(m=1) / echo6(),
             "ipv6/fragment"),
            ("traffic class, flow label, hop limit 1", ip6(tc=0xB9, fl=0xFFFFF, hlim=1) / echo6(),
             f"request {V6} {told}"),
            ("UDP behind destination options", ip6() / IPv6ExtHdrDestOpt() / UDP() / Raw(data), "ipv6/not-icmp"),
            ("no next header", ip6(nh=59) / Raw(data), "ipv6/not-icmp"),
            ("payload length 0", ip6(plen=0) / echo6(), "ipv6/bad-length"),
            ("payload length beyond the end", ip6(plen=137) / echo6(), "ipv6/truncated"),
            ("payload length in the ICMPv6 header", ip6(plen=7) / echo6(), "icmp/truncated"),
            ("payload length before the end", ip6(plen=100) / echo6(),
             f"request {V6} id {ID} seq {SEQ} data 92 trailer 36 bad-checksum"),
            ("payload ends in an extension header", ip6(plen=8) / IPv6ExtHdrDestOpt(len=1) / echo6(),
             "ipv6/truncated"),
            ("extension header of 2048 bytes in a short packet", ip6() / IPv6ExtHdrDestOpt(len=255) / echo6(),
             "ipv6/truncated"),
            ("cut short by the capture", cut(good6, 100), "ipv6/truncated"),
            ("cut in the header", cut(good6, 39), "ipv6/truncated"),
        ],
    ),
}


def write(name, link_type, frames, order="<", magic=0xA1B2C3D4, per_second=10**6):
    """A classic pcap file; scapy's own writer knows no SLL2 and would choose link types by itself."""
    with open(os.path.join(here, name), "wb") as out:
        out.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type))
        for number, frame in enumerate(frames):
            original = frame.original if isinstance(frame, Cut) else len(frame)
            head = (1700000000 + number, per_second // 4, len(frame), original)
            out.write(struct.pack(order + "IIII", *head) + frame)


with open(os.path.join(here, "expected.tsv"), "w") as table:
    for name, (link_type, packets) in captures.items():
        write(name, link_type, [p if isinstance(p, bytes) else raw(p) for _, p, _ in packets])
        for number, (what, _, verdict) in enumerate(packets, 1):
            table.write(f"{name}\t{number}\t{what}\t{verdict}\n")

# Questions for a link address, each of which has to be answered: ARP, the same in a VLAN, an ARP probe; a neighbour
# solicitation, the same in a VLAN, duplicate address detection, and the unicast probe of a neighbour that went stale.
everybody = Ether(src=client_mac, dst="ff:ff:ff:ff:ff:ff")
group = Ether(src=client_mac, dst="33:33:ff:00:00:01")
who_has = {"psrc": "192.0.2.2", "pdst": "192.0.2.1", "hwsrc": client_mac}
asks = IPv6(src="2001:db8::2", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::1")
asks_with_address = asks / ICMPv6NDOptSrcLLAddr(lladdr=client_mac)
questions = [
    raw(everybody / ARP(**who_has)) + bytes(18),
    everybody / Dot1Q(vlan=42) / ARP(**who_has),
    everybody / ARP(psrc="0.0.0.0", pdst="192.0.2.1", hwsrc=client_mac),
    group / asks_with_address,
    group / Dot1Q(vlan=42) / asks_with_address,
    group / IPv6(src="::", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::1"),
    ether / IPv6(src="2001:db8::2", dst="2001:db8::1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::1"),
]
write("neighbours.pcap", ETHERNET, [raw(question) for question in questions])

# The same two packets in the other forms of the file format: byte order and resolution of time.
pair = [good4, good6]
write("order-big.pcap", RAW, pair, order=">")
write("order-big-nanoseconds.pcap", RAW, pair, order=">", magic=0xA1B23C4D, per_second=10**9)
write("order-little-nanoseconds.pcap", RAW, pair, magic=0xA1B23C4D, per_second=10**9)
