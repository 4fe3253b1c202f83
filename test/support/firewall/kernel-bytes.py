"""Prints the rules of this network namespace as the kernel holds them, a line a rule: for nf_tables the expressions of
NFT_MSG_GETRULE, for the legacy tables the entries of IPT_SO_GET_ENTRIES, both as hexadecimal bytes. No tool's own reading stands
between: what a tool prints the same and loads differently shows here."""
import ctypes
import re
import socket
import struct

FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

ACCEPT = struct.pack("H30xi4x", 40, -2)
RETURN = struct.pack("H30xi4x", 40, -5)


def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack("HH", data[:4])
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3:]


def dump(message):
    talk = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    talk.send(struct.pack("IHHIIBBH", 20, 0x0A00 | message, 0x301, 1, 0, 0, 0, 0))
    while True:
        data = talk.recv(1 << 20)
        while len(data) >= 16:
            length, kind = struct.unpack("IH", data[:6])
            if kind == 3:
                return
            if kind == 2:
                raise OSError(-struct.unpack("i", data[16:20])[0], "nf_tables")
            yield FAMILIES.get(data[16], data[16]), dict(attributes(data[20:length]))
            data = data[(length + 3) & ~3:]


def text(name):
    return name.rstrip(b"\0").decode()


def compared(data):
    """nft compares all 16 bytes of an interface's name, iptables those up to its NUL."""
    parts = dict(attributes(data))
    value = dict(attributes(parts[3]))[1]
    if len(value) == 16:
        value = value.rstrip(b"\0") + b"\0"
    return f"{parts[1].hex()}.{parts[2].hex()}.{value.hex()}"


def shown(expression):
    """Name and bytes of an expression; the number in the name of an anonymous set or chain is the kernel's own business."""
    parts = dict(attributes(expression))
    if parts[1] == b"cmp\0":
        return "cmp:" + compared(parts[2])
    data = re.sub(rb"..(..)__(set|map|chain)\d+\0+", rb"\1\2", parts.get(2, b""), flags=re.S)
    return f"{text(parts[1])}:{data.hex()}"


def nftables():
    chains = {}
    for family, rule in dump(7):
        expressions = [shown(one) for _, one in attributes(rule.get(4, b""))]
        line = " ".join([*expressions, rule.get(7, b"").hex()])
        chains.setdefault((family, text(rule[1]), text(rule[2])), []).append(line)
    # Within its chain each rule keeps its place; anonymous chains have numbers, and so an order, that nobody has given them.
    named = [((family, table, re.sub(r"^__chain\d+$", "__chain", chain)), lines) for (family, table, chain), lines in chains.items()]
    for name, lines in sorted(named):
        for line in lines:
            print(*name, line)


def target_of(entry, head):
    return struct.unpack("H", entry[head + 4:head + 6])[0]


def legacy(family, level, head, listed):
    """`head` bytes of an entry stand before its nfcache, target_offset and next_offset (uapi/linux/netfilter_ipv4/ip_tables.h)."""
    try:
        with open(listed) as file:
            tables = sorted(file.read().split())
    except FileNotFoundError:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for table in tables:
        with socket.socket(family, socket.SOCK_RAW, 255) as talk:
            def ask(option, size, begin):
                buffer = ctypes.create_string_buffer(begin, size)
                length = ctypes.c_uint32(size)
                if libc.getsockopt(talk.fileno(), level, option, buffer, ctypes.byref(length)) != 0:
                    raise OSError(ctypes.get_errno(), table)
                return buffer.raw
            name = table.encode().ljust(32, b"\0")
            hooks, size = struct.unpack("I44xI", ask(64, 84, name)[32:84])
            entries = ask(65, 40 + size, name + struct.pack("I", size))[40:]
        lines = []
        plain = 0
        while entries:
            target, following = struct.unpack("HH", entries[head + 4:head + 8])
            entry = entries[:following]
            plain += not any(entry[:head + 4] + entry[head + 12:target]) and entry[target:] == ACCEPT
            entries = entries[following:]
            # No tool reads or sets what the end of a chain of one's own has counted: RETURN in front of the next chain's head.
            is_foot = entry[target:] == RETURN and entries[target_of(entries, head):][2:7] == b"ERROR"
            counters = bytes(16) if is_foot else entry[head + 12:head + 28]
            # comefrom, behind the offsets, is a scratch mark of the kernel's check for loops.
            lines.append((entry[:head + 8] + counters + entry[head + 28:]).hex())
        # A legacy table cannot be removed: with policies only, all ACCEPT and uncounted, and the error at the end, it is as good as none.
        if plain == len(lines) - 1 == bin(hooks).count("1"):
            continue
        for line in lines:
            print("legacy", level, table, line)


nftables()
legacy(socket.AF_INET, 0, 84, "/proc/net/ip_tables_names")
legacy(socket.AF_INET6, 41, 136, "/proc/net/ip6_tables_names")
