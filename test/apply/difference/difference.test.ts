import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { differenceOf, renderDifference } from "../../../src/apply/difference/difference.ts"
import { lineChanges } from "../../../src/apply/difference/line-changes.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { parseRuleset } from "../../../src/firewall/snapshot/text/nft-text.ts"
import { chainsArb, emptySnapshot, madeSnapshot, policyArb } from "../../support/made-snapshots.ts"

const snapshotArb = fc.tuple(chainsArb, policyArb).map(([chains, policy]) => madeSnapshot(chains, policy))

const native = (text: string): Snapshot => ({
  ...emptySnapshot,
  nftTables: parseRuleset(text).map((listed) => ({
    family: listed.family,
    name: listed.name,
    listed,
    saved: undefined,
    xtRules: {},
    view: "nft" as const,
    owned: false,
  })),
})

describe("the difference of two rulesets", () => {
  it("is there when a restore would change something, and only then", () => {
    fc.assert(
      fc.property(snapshotArb, snapshotArb, (a, b) => {
        expect(differenceOf(a, b).changed).toBe(compareSnapshots(a, b, "ignored").length > 0)
        expect(differenceOf(a, a)).toEqual({ changed: false, lines: [] })
        expect(differenceOf(a, emptySnapshot).lines.every(({ kind }) => /removed|table/.test(kind))).toBe(
          true,
        )
      }),
    )
  })

  it("reads the same every time, for iptables, nft and sets", () => {
    const before: Snapshot = {
      ...madeSnapshot({
        INPUT: [
          ["-p tcp -m tcp --dport 22 -j ACCEPT", 5],
          ["-p tcp -m tcp --dport 80 -j ACCEPT", 5],
          ["-p udp -j ACCEPT", 5],
          ["-p icmp -j ACCEPT", 5],
          ["-p gre -j ACCEPT", 5],
          ["-p esp -j ACCEPT", 5],
          ["-j LOG", 6],
        ],
        FORWARD: [["-j ACCEPT", 1]],
      }),
      ipsets: [{ name: "blocked", header: "hash:ip family inet hashsize 64", elements: ["192.0.2.7"] }],
    }
    const { nftTables, legacyTables } = madeSnapshot(
      {
        INPUT: [
          ["-p tcp -m tcp --dport 22 -j ACCEPT", 0],
          ["-p tcp -m tcp --dport 443 -j ACCEPT", 0],
          ["-p udp -j ACCEPT", 0],
          ["-p icmp -j ACCEPT", 0],
          ["-p gre -j ACCEPT", 0],
          ["-p esp -j ACCEPT", 0],
          ["-j LOG", 0],
          ["-j checks", 0],
        ],
        FORWARD: [["-j ACCEPT", 0]],
        checks: [["-j DROP", 0]],
      },
      "ACCEPT",
    )
    const gate = native(
      "table inet gate {\n\tset nets {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1, 10.0.0.2 }\n\t}\n\tchain in {\n\t\ttype filter hook input priority filter; policy drop;\n\t\tip saddr @nets accept\n\t}\n}\n",
    )
    const after: Snapshot = {
      ...emptySnapshot,
      nftTables: [...gate.nftTables, ...nftTables],
      legacyTables,
      ipsets: [
        { name: "blocked", header: "hash:ip family inet hashsize 128", elements: ["192.0.2.7", "192.0.2.9"] },
      ],
    }
    expect(renderDifference(differenceOf(before, after), false)).toMatchInlineSnapshot(`
      [
        "ipset blocked",
        "  create blocked hash:ip family inet",
        "  add blocked 192.0.2.7",
        "+ add blocked 192.0.2.9",
        "iptables-legacy filter",
        "  :INPUT ACCEPT",
        "  -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "- -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT",
        "+ -A INPUT -p tcp -m tcp --dport 443 -j ACCEPT",
        "  -A INPUT -p udp -j ACCEPT",
        "  -A INPUT -p icmp -j ACCEPT",
        "  ...",
        "  -A INPUT -p esp -j ACCEPT",
        "  -A INPUT -j LOG",
        "+ -A INPUT -j checks",
        "+ :checks -",
        "+ -A checks -j DROP",
        "nft inet gate",
        "+ chain in",
        "+   type filter hook input priority filter; policy drop;",
        "+   ip saddr @nets accept",
        "+ set nets: type ipv4_addr",
        "+ set nets holds 10.0.0.1",
        "+ set nets holds 10.0.0.2",
        "nft ip filter",
        "  :INPUT ACCEPT",
        "  -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "- -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT",
        "+ -A INPUT -p tcp -m tcp --dport 443 -j ACCEPT",
        "  -A INPUT -p udp -j ACCEPT",
        "  -A INPUT -p icmp -j ACCEPT",
        "  ...",
        "  -A INPUT -p esp -j ACCEPT",
        "  -A INPUT -j LOG",
        "+ -A INPUT -j checks",
        "+ :checks -",
        "+ -A checks -j DROP",
      ]
    `)
    expect(
      renderDifference(differenceOf(before, { ...after, legacyTables: [] }), true).slice(-3),
    ).toMatchInlineSnapshot(`
      [
        "[32m+ -A INPUT -j checks[0m",
        "[32m+ :checks -[0m",
        "[32m+ -A checks -j DROP[0m",
      ]
    `)
  })

  it("shows a set whose elements changed, and not its table", () => {
    const table = (elements: string): Snapshot =>
      native(
        `table inet gate {\n\tset nets {\n\t\ttype ipv4_addr\n\t\telements = { ${elements} }\n\t}\n\tchain c {\n\t\tdrop\n\t}\n}\n`,
      )
    expect(
      renderDifference(differenceOf(table("10.0.0.1, 10.0.0.2"), table("10.0.0.2, 10.0.0.3")), false),
    ).toEqual([
      "nft inet gate",
      "  set nets: type ipv4_addr",
      "- set nets holds 10.0.0.1",
      "  set nets holds 10.0.0.2",
      "+ set nets holds 10.0.0.3",
    ])
  })

  it("never lets a comment reach the terminal as a command", () => {
    const after = madeSnapshot({ INPUT: [['-m comment --comment "\u001b[2J\u009b1m" -j ACCEPT', 0]] })
    const lines = renderDifference(differenceOf(emptySnapshot, after), false)
    for (const char of ["\u001b", "\u009b"]) expect(lines.join("")).not.toContain(char)
    expect(lines.join("")).toContain("\\x1b[2J\\x9b1m")
  })

  it("passes over what could not be read", () => {
    const unread = {
      ...emptySnapshot,
      unread: [
        { where: "iptables-legacy", why: "no tool" },
        { where: "nft", why: "no tool" },
      ],
    }
    expect(differenceOf(unread, madeSnapshot({ INPUT: [["-j DROP", 0]] }))).toEqual({
      changed: false,
      lines: [],
    })
  })
})

describe("two lists of lines", () => {
  const linesArb = fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 12 })
  const side = (changes: ReturnType<typeof lineChanges>, kind: string): string[] =>
    changes.flatMap((change) => (change.kind === "same" || change.kind === kind ? [change.text] : []))

  it("are both in what turns one into the other", () => {
    fc.assert(
      fc.property(linesArb, linesArb, (old, now) => {
        const changes = lineChanges(old, now)
        expect(side(changes, "removed")).toEqual(old)
        expect(side(changes, "added")).toEqual(now)
      }),
    )
  })

  it("may be long and have nothing in common, or everything in another order", () => {
    const long = Array.from({ length: 10_000 }, (_, at) => `rule ${at}`)
    const others = long.map((line) => `other ${line}`)
    expect(side(lineChanges(long, others), "added")).toEqual(others)
    const turned = long.toReversed()
    const changes = lineChanges(long, turned)
    expect(side(changes, "removed")).toEqual(long)
    expect(side(changes, "added")).toEqual(turned)
  })
})
