import { describe, expect, it } from "vitest"
import { takenAway } from "../../../src/firewall/restore/taken-away.ts"
import type { NftTableCopy } from "../../../src/firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { parseRuleset } from "../../../src/firewall/snapshot/text/nft-text.ts"
import { emptySnapshot, madeSnapshot } from "../../support/made-snapshots.ts"

/** A snapshot of what nft lists. */
function listed(text: string): Snapshot {
  const nftTables = parseRuleset(text).map(
    (table): NftTableCopy => ({
      ...{ family: table.family, name: table.name, listed: table, saved: undefined, xtRules: {} },
      ...{ view: "nft", owned: false },
    }),
  )
  return { ...emptySnapshot, nftTables }
}

const base = `table inet own {
\tset bad {
\t\ttype ipv4_addr
\t\telements = { 203.0.113.5 }
\t}
\tset seen {
\t\ttype ipv4_addr
\t\tflags dynamic,timeout
\t\telements = { 203.0.113.7 expires 3s }
\t}
\tchain in {
\t\ttype filter hook input priority 0; policy drop;
\t\ttcp dport 22 counter packets 3 bytes 180 accept
\t}
}
`

describe("what a restore takes away", () => {
  it("is a ban, a repair and a chain that came since, once as often as it came", () => {
    const before = madeSnapshot({ INPUT: [["-p tcp -j DROP", 1]] }, "DROP")
    const since = madeSnapshot({
      INPUT: [
        ["-s 192.0.2.7/32 -j DROP", 5],
        ["-s 192.0.2.7/32 -j DROP", 0],
      ],
      web: [["-j ACCEPT", 2]],
    })
    const lines = (where: string): string[] => [
      `${where} -A INPUT -s 192.0.2.7/32 -j DROP`,
      `${where} -A INPUT -s 192.0.2.7/32 -j DROP`,
      `${where} -N web`,
      `${where} -A web -j ACCEPT`,
    ]
    expect(takenAway(since, before)).toEqual([...lines("nft ip filter"), ...lines("iptables-legacy filter")])
  })

  it("is nothing when an open has only taken rules away, whatever the policies and counters say", () => {
    const before = madeSnapshot(
      {
        INPUT: [
          ["-p tcp -j DROP", 1],
          ["-p udp -j DROP", 1],
        ],
      },
      "DROP",
    )
    expect(takenAway(madeSnapshot({ INPUT: [["-p udp -j DROP", 9]] }), before)).toEqual([])
    expect(
      takenAway(listed(base.replace("policy drop", "policy accept").replace(" 3 ", " 9 ")), listed(base)),
    ).toEqual([])
  })

  it("names elements that somebody added, not those that packets or time did, and not the mark of an open", () => {
    const since = base
      .replace("203.0.113.5 }", "203.0.113.5, 203.0.113.6 }")
      .replace("203.0.113.7 expires 3s", "203.0.113.8 expires 5s")
      .replace("\t\ttcp", '\t\taccept comment "fw-watchdog open"\n\t\tudp dport 9 drop\n\t\ttcp')
    expect(takenAway(listed(since), listed(base))).toEqual([
      "nft inet own chain in: udp dport 9 drop",
      "nft inet own set bad holds 203.0.113.6",
    ])
    const sets = (...elements: string[]): Snapshot => ({
      ...emptySnapshot,
      ipsets: [{ name: "banned", header: "hash:ip family inet", elements }],
    })
    expect(takenAway(sets("192.0.2.7", "192.0.2.8"), sets("192.0.2.7"))).toEqual([
      "ipset banned holds 192.0.2.8",
    ])
    expect(takenAway(sets("192.0.2.7"), emptySnapshot)).toEqual([
      "ipset banned is hash:ip family inet",
      "ipset banned holds 192.0.2.7",
    ])
  })

  it("leaves out what the snapshot knows nothing of, and the rules of a change that goes back", () => {
    const unread = { ...emptySnapshot, unread: [{ where: "nft", why: "it crashed" }] }
    expect(takenAway(listed(base), unread)).toEqual([])
    const [before, change, now] = [
      madeSnapshot({ INPUT: [] }),
      madeSnapshot({ INPUT: [["-p tcp -j DROP", 1]] }),
      madeSnapshot({
        INPUT: [
          ["-p tcp -j DROP", 1],
          ["-p udp -j DROP", 1],
        ],
      }),
    ]
    const lines = ["nft ip filter", "iptables-legacy filter"].map(
      (where) => `${where} -A INPUT -p udp -j DROP`,
    )
    expect(takenAway(now, before, change)).toEqual(lines)
  })
})
