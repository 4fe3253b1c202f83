import { describe, expect, it } from "vitest"
import { parseNftListing } from "../../../../src/firewall/open/nft/listing.ts"
import { judgeNft } from "../../../../src/firewall/open/nft/verdicts.ts"

/** One table with a base chain `in` of these rules, as `nft -a -y list ruleset` prints it. */
function judged(rules: readonly string[], others = "", terse?: "terse") {
  const lines = rules.map((rule, index) => `\t\t${rule} # handle ${index + 10}\n`).join("")
  const text = `table inet fw { # handle 1
${others}\tchain in { # handle 2
\t\ttype filter hook input priority 0; policy drop;
${lines}\t}
}
`
  const [table] = parseNftListing(text, terse)
  if (table === undefined) throw new Error("no table")
  const { dropping, meetsPolicy } = judgeNft(table).base("in")
  return { dropping: dropping.map(({ chain, handle }) => `${chain} ${handle}`), meetsPolicy }
}

describe("what a rule can do to a packet", () => {
  it.each([
    "drop",
    "counter packets 1 bytes 2 drop",
    'log prefix "accept me" level info drop',
    'counter name "seen" drop comment "accept"',
    "reject with icmpx admin-prohibited",
    "queue to 3",
    "synproxy mss 1460 wscale 7",
    'xt target "TARPIT"',
    "counter packets 0 bytes 0 xt target NFQUEUE",
  ])("always taken away: %s", (rule) => {
    expect(judged([rule])).toMatchObject({ dropping: ["in 10"] })
  })

  it.each([
    "tcp dport 22 drop",
    'iifname "eth0" reject',
    "tcp dport vmap { 22 : drop, 80 : accept }",
    "limit rate 3/second drop",
    "xt match recent counter packets 0 bytes 0 drop",
    "ct state invalid jump {\n\t\t\tcounter packets 0 bytes 0 drop # handle 7\n\t\t}",
  ])("sometimes taken away, else the policy decides: %s", (rule) => {
    expect(judged([rule])).toEqual({ dropping: ["in 10"], meetsPolicy: true })
  })

  it.each([
    "accept",
    'log prefix "drop " accept',
    'counter packets 0 bytes 0 accept comment "drop; reject"',
    'iifname "drop" accept',
    "icmpv6 type parameter-problem icmpv6 code reject-route accept",
    "meta mark set 0x00000005",
    'xt target "MARK"',
    "ip saddr @drop accept",
  ])("never taken away: %s", (rule) => {
    expect(judged([rule]).dropping).toEqual([])
  })

  it("nothing behind an unconditional accept is reached, what is behind a match is", () => {
    expect(judged(["counter packets 0 bytes 0 accept", "drop"])).toEqual({ dropping: [], meetsPolicy: false })
    expect(judged(["tcp dport 22 accept", "drop"])).toEqual({ dropping: ["in 11"], meetsPolicy: false })
  })

  it("jumps come back, gotos leave the rest of the chain out", () => {
    const own = "\tchain own { # handle 5\n\t\ttcp dport 9 drop # handle 6\n\t}\n"
    expect(judged(["jump own", "accept"], own)).toEqual({ dropping: ["own 6"], meetsPolicy: false })
    expect(judged(["goto own", "accept"], own)).toEqual({ dropping: ["own 6"], meetsPolicy: true })
    expect(judged(["accept", "jump own"], own)).toEqual({ dropping: [], meetsPolicy: false })
  })

  it("a named verdict map drops when an element does, or when its elements were not listed", () => {
    const map = (elements: string) =>
      `\tmap ports { # handle 5\n\t\ttype inet_service : verdict\n${elements}\t}\n`
    const rules = ["tcp dport vmap @ports", "accept"]
    expect(judged(rules, map("\t\telements = { 22 : accept,\n\t\t\t80 : drop }\n")).dropping).toEqual([
      "in 10",
    ])
    expect(judged(rules, map("\t\telements = { 22 : accept }\n")).dropping).toEqual([])
    expect(judged(rules, map("")).dropping).toEqual([])
    expect(judged(rules, map(""), "terse").dropping).toEqual(["in 10"])
  })
})

describe("a listing", () => {
  it("is read with flags, hooks, devices, priorities and policies", () => {
    const tables = parseNftListing(`table ip owned { # progname firewalld handle 3
\tflags owner,dormant

\tchain pre { # handle 1
\t\ttype nat hook prerouting priority dstnat + 10; policy accept;
\t}
}
table netdev n { # handle 4
\tchain in { # handle 1
\t\ttype filter hook ingress devices = { "eth0", lo } priority -500; policy drop;
\t}
}
table ip6 empty { # handle 5
}
`)
    expect(tables).toMatchObject([
      { family: "ip", table: "owned", owned: true, dormant: true, empty: false },
      { family: "netdev", owned: false, dormant: false },
      { family: "ip6", empty: true },
    ])
    expect(tables[0]?.chains[0]?.base).toMatchObject({ type: "nat", hook: "prerouting", priority: -90 })
    expect(tables[1]?.chains[0]?.base).toEqual({
      type: "filter",
      hook: "ingress",
      priority: -500,
      policy: "drop",
      devices: ["eth0", "lo"],
    })
  })
})
