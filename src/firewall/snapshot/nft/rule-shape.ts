import type { Family } from "../../tools/table.ts"

const test = String.raw`cmp (?:eq|neq) .*\n`
const masked = String.raw`(?:bitwise .*\n)?${test}`
const port = String.raw`(?:cmp (?:eq|neq|lte)|range (?:eq|neq)) .*\n`
const meta = (key: string, then = test): string => String.raw`meta load ${key} => .*\n${then}`
const payload = (from: string, then: string): string => String.raw`payload load ${from} => .*\n${then}`

/** A part of a rule by what it asks or does, and the instructions that iptables or its kin make of it. */
type Part = readonly [name: string, pattern: RegExp]

function parts(patterns: Readonly<Record<string, string>>): readonly Part[] {
  return Object.entries(patterns).map(([name, pattern]) => [name, new RegExp(pattern, "y")])
}

/** Of any device, `-i +`, nothing is asked. */
const device = `(?:${test})?`
const devices = { in: meta("iifname", device), out: meta("oifname", device) }
const ends = {
  match: String.raw`match name .*\n`,
  limit: String.raw`limit rate \S+ burst \d+ type packets flags 0x0\n`,
  counter: String.raw`counter .*\n`,
  verdict: String.raw`immediate reg 0 (?:accept|drop|return|(?:jump|goto) -> .*)\n`,
  target: String.raw`target name .*\n`,
}

/** nft-shared.c, add_meta and add_payload, with the offsets of iphdr and ip6_hdr. */
function ipParts(source: number, destination: number): readonly Part[] {
  return parts({
    ...devices,
    proto: `${meta("l4proto")}|${payload(String.raw`1b @ network header \+ 9`, test)}`,
    source: payload(String.raw`\d+b @ network header \+ ${source}`, masked),
    destination: payload(String.raw`\d+b @ network header \+ ${destination}`, masked),
    fragment: payload(String.raw`2b @ network header \+ 6`, masked),
    // Both ports at once where both are single ones.
    sport: payload(String.raw`[24]b @ transport header \+ 0`, port),
    dport: payload(String.raw`2b @ transport header \+ 2`, port),
    flags: payload(String.raw`1b @ transport header \+ 13`, masked),
    mark: meta("mark", masked),
    ...ends,
    nflog: String.raw`log .*group .*\n`,
    trace: String.raw`immediate reg 9 0x00000001\nmeta set nftrace with reg 9 *\n`,
  })
}

/** nft-arp.c. Its save prints no condition on the lengths and the hardware type but these, and no hardware address cut short by its mask. */
const arpParts = parts({
  ...devices,
  htype: payload(String.raw`2b @ network header \+ 0`, String.raw`cmp eq reg \d+ 0x00000100 *\n`),
  ptype: payload(String.raw`2b @ network header \+ 2`, test),
  hlen: payload(String.raw`1b @ network header \+ 4`, String.raw`cmp eq reg \d+ 0x00000006 *\n`),
  plen: payload(String.raw`1b @ network header \+ 5`, String.raw`cmp eq reg \d+ 0x00000004 *\n`),
  opcode: payload(String.raw`2b @ network header \+ 6`, test),
  smac: payload(String.raw`6b @ network header \+ 8`, masked),
  source: payload(String.raw`\d+b @ network header \+ 14`, masked),
  dmac: payload(String.raw`6b @ network header \+ 18`, masked),
  destination: payload(String.raw`\d+b @ network header \+ 24`, masked),
  ...ends,
})

/** nft-bridge.c. */
const bridgeParts = parts({
  ...devices,
  bridgein: meta("(?:bri_iifname|ibrname)"),
  bridgeout: meta("(?:bri_oifname|obrname)"),
  among:
    String.raw`(?:meta load protocol .*\ncmp eq .*\n)?payload load 6b @ link header \+ [06] => .*\n` +
    String.raw`(?:payload load 4b @ network header \+ \d+ => .*\n)?lookup .*\n`,
  source: payload(String.raw`\d+b @ link header \+ 6`, masked),
  destination: payload(String.raw`\d+b @ link header \+ 0`, masked),
  proto: payload(String.raw`2b @ link header \+ 12`, String.raw`cmp (?:eq|neq|lt|gte) .*\n`),
  ...ends,
})

const partsOf: Readonly<Record<Family, readonly Part[]>> = {
  ip: ipParts(12, 16),
  ip6: ipParts(8, 24),
  arp: arpParts,
  bridge: bridgeParts,
}

const asked = "(match |limit |mark |among |target |(sport )?(dport )?(flags )?)*"
const done = "counter (verdict |target |nflog |trace )?$"
/** The orders in which they come, as patterns of names with a blank behind each: up to iptables 1.8.9, and since, the addresses in front. */
const ipOrders = [
  new RegExp(`^(in )?(out )?(proto )?(source )?(destination )?(fragment )?${asked}${done}`),
  new RegExp(`^(source )?(destination )?(in )?(out )?(proto )?(fragment )?${asked}${done}`),
]
const logical = "(bridgein )?(bridgeout )?"
const ordersOf: Readonly<Record<Family, readonly RegExp[]>> = {
  ip: ipOrders,
  ip6: ipOrders,
  arp: [
    new RegExp(
      `^(in )?(out )?htype (ptype )?hlen plen (opcode )?(smac )?(source )?(dmac )?(destination )?(match )*${done}`,
    ),
  ],
  bridge: [
    new RegExp(`^(in )?(out )?${logical}(source )?(destination )?(proto )?${asked}${done}`),
    new RegExp(`^(source )?(destination )?(in )?(out )?${logical}(proto )?${asked}${done}`),
  ],
}

/**
 * Takes a rule apart as iptables or its kin have made it.
 * @param instructions the kernel's own, a line each, as `nft --debug=netlink` prints them, without their brackets
 * @returns the names of its parts; undefined where none of these tools makes such a rule, or makes it without being able to save it:
 *   a save then prints another rule, with exit code 0
 */
export function partsOfRule(family: Family, instructions: readonly string[]): readonly string[] | undefined {
  const text = instructions.map((line) => `${line}\n`).join("")
  const names: string[] = []
  for (let at = 0; at < text.length; ) {
    const found = partsOf[family].find(([, pattern]) => {
      pattern.lastIndex = at
      return pattern.test(text)
    })
    if (found === undefined) return undefined
    names.push(found[0])
    at = found[1].lastIndex
  }
  const sequence = names.map((name) => `${name} `).join("")
  const once = names.filter((name) => !/^(match|target|among)$/.test(name))
  const isSo = ordersOf[family].some((order) => order.test(sequence)) && new Set(once).size === once.length
  return isSo ? names : undefined
}

const extension = /^(match|limit|among|target)$/
/** Options of ebtables' extensions, by the first word of their names. */
const printed =
  /(?<= )--(ip|ip6|arp|vlan|802_3|stp|pkttype|mark|limit|log|nflog|string|among-src|among-dst)(?=[- ])(?!-(?:set|or|and|xor|target)\b)/g

/**
 * Tells whether a line of ebtables-save has all that the rule asks. With three extensions or more, version 1.8.9 prints the first
 * and the last (nft-shared.c, ebt_add_match).
 * @param names the parts of the rule
 */
export function isPrintedWhole(names: readonly string[], line: string): boolean {
  const extensions = names.slice(0, names.indexOf("counter")).filter((name) => extension.test(name))
  const options = line.replace(/"(?:[^"\\]|\\.)*"/g, "").matchAll(printed)
  return extensions.length <= new Set([...options].map(([, name]) => name)).size
}
