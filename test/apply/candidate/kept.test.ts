import { describe, expect, it } from "vitest"
import { candidateFrom } from "../../../src/apply/candidate/candidate.ts"
import { type InputWords, wordsOfNft } from "../../../src/apply/candidate/input-words.ts"
import { Kept } from "../../../src/apply/candidate/kept.ts"
import { madeBy } from "../../../src/apply/candidate/made.ts"
import { chooseView } from "../../../src/firewall/snapshot/nft-table-view.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { parseRuleset } from "../../../src/firewall/snapshot/text/nft-text.ts"
import { emptySnapshot, type MadeChains, madeSnapshot } from "../../support/made-snapshots.ts"

const words = (named: string[], emptied: string[]): InputWords => ({
  named: new Set(named),
  emptied: new Set(emptied),
})
const nothing: ReadonlySet<string> = new Set()
const iptables = (chains: MadeChains, policy?: string): Snapshot => {
  const { nftTables } = madeSnapshot(chains, policy)
  return { ...emptySnapshot, nftTables }
}
const native = (text: string): Snapshot => ({
  ...emptySnapshot,
  nftTables: parseRuleset(text).map((listed) => ({
    ...{ family: listed.family, name: listed.name, listed, saved: undefined, xtRules: {}, owned: false },
    ...chooseView({ listed, saved: undefined, xtRules: {}, foreign: true }),
  })),
})
const rules = ({ nftTables }: Snapshot): string[] =>
  nftTables.flatMap(({ saved }) => saved?.rules ?? []).map((rule) => rule.replace(/^\[\S+ /, ""))

const gate: MadeChains = {
  INPUT: [
    ["-j gate", 1],
    ["-p tcp -j ACCEPT", 1],
  ],
  FORWARD: [],
  OUTPUT: [],
  gate: [["-s 192.0.2.9/32 -j DROP", 1]],
}
const flushed: MadeChains = { INPUT: [["-p udp -j ACCEPT", 0]], FORWARD: [], OUTPUT: [] }
const byFlush = words(["ip filter INPUT"], ["ip filter"])

describe("what an input empties without naming it", () => {
  it("stays, with the jumps to it, when no change has made it", () => {
    const { snapshot, kept } = candidateFrom(iptables(gate), iptables(flushed), new Kept(byFlush, nothing))
    expect(rules(snapshot)).toEqual([
      "-A INPUT -j gate",
      "-A INPUT -p udp -j ACCEPT",
      "-A gate -s 192.0.2.9/32 -j DROP",
    ])
    expect(kept).toEqual(["ip filter gate"])
  })

  it("goes when an earlier change has made it, or when it is named", () => {
    const made = new Set(["ip filter gate"])
    const named = words(["ip filter INPUT", "ip filter gate"], ["ip filter"])
    for (const keeping of [new Kept(byFlush, made), new Kept(named, nothing)]) {
      const { snapshot, kept } = candidateFrom(iptables(gate), iptables(flushed), keeping)
      expect(rules(snapshot)).toEqual(["-A INPUT -p udp -j ACCEPT"])
      expect(kept).toEqual([])
    }
  })

  it("stays lost where its jump was taken away by itself", () => {
    const now: MadeChains = { ...gate, INPUT: [["-p tcp -j ACCEPT", 1]] }
    const deleted = new Kept(words(["ip filter INPUT"], []), nothing)
    expect(rules(candidateFrom(iptables(gate), iptables(now), deleted).snapshot)).toEqual(
      rules(iptables(now)),
    )
  })

  it("is meant by whoever writes into it, by whatever words", () => {
    const now: MadeChains = { ...flushed, gate: [["-s 192.0.2.10/32 -j DROP", 0]] }
    const silent = new Kept(words([], ["nft"]), nothing)
    expect(rules(candidateFrom(iptables(gate), iptables(now), silent).snapshot)).toContain(
      "-A gate -s 192.0.2.10/32 -j DROP",
    )
  })

  it("is a table of iptables as well, through flush ruleset, policy included", () => {
    const before = iptables({ INPUT: [], FORWARD: [], OUTPUT: [] }, "DROP")
    const { snapshot, kept } = candidateFrom(before, emptySnapshot, new Kept(words([], ["nft"]), nothing))
    expect(snapshot.nftTables).toEqual(before.nftTables)
    expect(kept).toEqual(["ip filter"])
    // What lets everything through says nothing.
    const born = iptables({ INPUT: [], FORWARD: [], OUTPUT: [] })
    expect(candidateFrom(born, emptySnapshot, new Kept(words([], ["nft"]), nothing)).kept).toEqual([])
  })

  it("is a table of nft, unless the input has any word for it", () => {
    const before = native(
      "table inet gate {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n\tchain c {\n\t\taccept\n\t}\n}\n",
    )
    const keptBy = (text: string): readonly string[] =>
      candidateFrom(before, emptySnapshot, new Kept(wordsOfNft(text), nothing)).kept
    expect(keptBy("flush ruleset")).toEqual(["inet gate"])
    expect(keptBy("list table inet gate; flush ruleset")).toEqual(["inet gate"])
    for (const text of [
      "delete table inet gate",
      "table inet gate { }; flush ruleset",
      "flush chain inet gate c; flush ruleset",
      "element inet gate s { 192.0.2.1 }",
      "add set inet gate s { type ipv4_addr; }",
    ])
      expect(keptBy(text)).toEqual([])
    const made = new Kept(wordsOfNft("flush ruleset"), new Set(["inet gate", "inet gate c"]))
    expect(candidateFrom(before, emptySnapshot, made).kept).toEqual([])
  })

  it("is an IP set", () => {
    const set = { name: "s", header: "hash:ip family inet", elements: ["192.0.2.1"] }
    const before = { ...emptySnapshot, ipsets: [set] }
    const kept = (keeping: Kept, now = emptySnapshot): readonly string[] =>
      candidateFrom(before, now, keeping).kept
    const bare = words([], ["ipset"])
    expect(kept(new Kept(bare, nothing))).toEqual(["ipset s"])
    expect(kept(new Kept(bare, nothing), { ...before, ipsets: [{ ...set, elements: [] }] })).toEqual([
      "ipset s",
    ])
    expect(kept(new Kept(bare, new Set(["ipset s"])))).toEqual([])
    expect(kept(new Kept(words(["ipset s"], []), nothing))).toEqual([])
  })
})

describe("what a change has made", () => {
  it("is what differs from before, what the input has named, and what earlier changes made and is there", () => {
    const now: MadeChains = { ...gate, INPUT: [["-p udp -j ACCEPT", 0]], door: [], lane: [] }
    const earlier = new Set(["ip filter lane", "ip filter gone"])
    const before: MadeChains = { ...gate, lane: [] }
    expect(madeBy(iptables(before), iptables(now), byFlush, earlier)).toEqual([
      "ip filter INPUT",
      "ip filter door",
      "ip filter lane",
    ])
    expect(madeBy(iptables(now), iptables(now), words(["ip filter gate"], []), nothing)).toEqual([
      "ip filter gate",
    ])
  })

  it("is the table itself where it is one of nft's own, and sets", () => {
    const now = {
      ...native("table inet gate {\n\tchain c {\n\t\taccept\n\t}\n}\n"),
      ipsets: [{ name: "s", header: "hash:ip family inet", elements: [] }],
    }
    expect(madeBy(emptySnapshot, now, words([], []), nothing)).toEqual([
      "inet gate",
      "inet gate c",
      "ipset s",
    ])
    expect(madeBy(now, now, words([], []), nothing)).toEqual([])
  })
})
