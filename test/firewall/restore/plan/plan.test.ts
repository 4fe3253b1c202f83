import { describe, expect, it } from "vitest"
import { planRestore } from "../../../../src/firewall/restore/plan/plan.ts"
import { compareSnapshots } from "../../../../src/firewall/snapshot/compare.ts"
import type { Snapshot } from "../../../../src/firewall/snapshot/snapshot.ts"
import { parseIpsets } from "../../../../src/firewall/snapshot/text/ipset.ts"
import { parseRuleset } from "../../../../src/firewall/snapshot/text/nft-text.ts"
import { parseSave } from "../../../../src/firewall/snapshot/text/save-text.ts"

const tools = {
  nft: "/n/nft",
  ipset: "/n/ipset",
  "iptables-nft-restore": "/n/iptables-nft-restore",
  "iptables-legacy-restore": "/n/iptables-legacy-restore",
}

const nothing: Snapshot = {
  version: 1,
  takenAtMs: 0,
  reason: "",
  ipsets: [],
  nftTables: [],
  legacyTables: [],
  unread: [],
}

/** A snapshot of native tables, one iptables-nft filter table, a legacy filter table and sets. */
function holding(parts: { native?: string; filter?: string; legacy?: string; sets?: string }): Snapshot {
  const native = parseRuleset(parts.native ?? "").map((listed) => ({
    family: listed.family,
    name: listed.name,
    listed,
    saved: undefined,
    xtRules: {},
    view: "nft" as const,
    owned: listed.attributes.includes("flags owner"),
  }))
  const [saved] = parseSave(parts.filter ?? "")
  const listed = {
    family: "ip",
    name: "filter",
    attributes: [],
    blocks: [{ kind: "chain", name: "INPUT", lines: [] }],
  }
  const filter = {
    family: "ip",
    name: "filter",
    listed,
    saved,
    xtRules: { INPUT: [0] },
    view: "iptables" as const,
    owned: false,
  }
  return {
    ...nothing,
    ipsets: parseIpsets(parts.sets ?? "") ?? [],
    nftTables: saved === undefined ? native : [...native, filter],
    legacyTables: parseSave(parts.legacy ?? "").map((section) => ({
      backend: "iptables-legacy" as const,
      section,
    })),
  }
}

const table = (name: string, rule: string): string =>
  `table inet ${name} {\n\tchain c {\n\t\t${rule}\n\t}\n}\n`
const filter = (rule: string): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n[0:0] -A INPUT ${rule}\n`
const commands = (plan: ReturnType<typeof planRestore>): string[] =>
  plan.steps.map((step) => step.command.join(" "))

describe("the plan of a restore", () => {
  it("is empty when nothing differs but counters", () => {
    const a = holding({ native: table("a", "counter packets 1 bytes 2 drop"), legacy: filter("-j DROP") })
    const b = holding({ native: table("a", "counter packets 8 bytes 9 drop"), legacy: filter("-j DROP") })
    expect(planRestore(a, b, tools)).toEqual({ steps: [], left: [] })
  })

  it("touches only what differs: sets first, then iptables-nft, nft, legacy, and sets that go last", () => {
    const from = holding({
      native: table("same", "drop") + table("gone", "drop") + table("other", "accept"),
      filter: filter("-j A"),
      legacy: filter("-j A"),
      sets: "create extra hash:ip family inet\n",
    })
    const to = holding({
      native: table("same", "drop") + table("other", "drop"),
      filter: filter("-j B"),
      legacy: filter("-j B"),
      sets: "create wanted hash:ip family inet\nadd wanted 192.0.2.7\n",
    })
    const plan = planRestore(from, to, tools)
    expect(commands(plan)).toEqual([
      "/n/ipset restore -exist",
      "/n/iptables-nft-restore -c --noflush",
      "/n/nft -f {file}",
      "/n/iptables-legacy-restore -c -w 2 --noflush",
      "/n/ipset destroy extra",
    ])
    expect(plan.left).toEqual([])
    // A save names built-in chains that are not there: they are not made.
    expect(plan.steps[1]?.input).toBe("*filter\n-F INPUT\n[0:0] -A INPUT -j B\nCOMMIT\n")
    expect(plan.steps[2]?.input).toBe(
      `add table inet gone\ndelete table inet gone\nadd chain inet other c\nflush chain inet other c\n${table("other", "drop")}`,
    )
  })

  it("goes back to nothing with policies and a flush", () => {
    const from = holding({
      native: table("a", "drop"),
      legacy: filter("-j DROP").replace(":INPUT ACCEPT", ":INPUT DROP"),
    })
    const plan = planRestore(from, nothing, tools)
    expect(plan.steps.map((step) => step.input)).toEqual([
      "add table inet a\ndelete table inet a\n",
      "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-F INPUT\n-F OUTPUT\nCOMMIT\n",
    ])
  })

  it("leaves alone what a program owns, what no view restores and what was not read, and says why", () => {
    const owned = "table inet own {\n\tflags owner\n}\n"
    const to = holding({ native: table("a", "drop"), legacy: filter("-j DROP") })
    const from = {
      ...holding({ native: owned }),
      unread: [{ where: "iptables-legacy", why: "no tool" }],
    }
    const hopeless = {
      ...to,
      nftTables: to.nftTables.map((copy) => ({ ...copy, view: "none" as const, why: "too odd" })),
    }
    const plan = planRestore(from, hopeless, tools)
    expect(plan.steps).toEqual([])
    expect(plan.left).toEqual([
      { where: "iptables-legacy", why: "no tool" },
      { where: "nft inet a", why: "too odd" },
      { where: "nft inet own", why: expect.stringMatching(/owns/) },
    ])
  })

  it("removes a table that it could not restore", () => {
    const from = holding({ native: table("odd", "drop") })
    const odd = {
      ...from,
      nftTables: from.nftTables.map((copy) => ({ ...copy, view: "none" as const, why: "too odd" })),
    }
    expect(planRestore(odd, nothing, tools)).toMatchObject({
      left: [],
      steps: [{ input: expect.stringMatching(/^add table inet odd\ndelete/) }],
    })
  })

  it("names what it has no tool for", () => {
    const to = holding({
      filter: filter("-j B"),
      legacy: filter("-j B"),
      sets: "create s hash:ip family inet\n",
    })
    expect(planRestore(nothing, to, {}).left.map(({ where }) => where)).toEqual([
      "ipset s",
      "nft ip filter",
      "iptables-legacy filter",
    ])
  })
})

describe("the comparison of two snapshots", () => {
  it("names each table and set by what became of it, with the lines", () => {
    const a = holding({
      native: table("a", "drop") + table("b", "drop"),
      sets: "create s hash:ip family inet\nadd s 192.0.2.1\n",
    })
    const b = holding({
      native: table("b", "accept") + table("c", "drop"),
      sets: "create s hash:ip family inet\n",
    })
    expect(compareSnapshots(a, b, "exact")).toEqual([
      { where: "ipset s", kind: "differs", lines: ["- holds 192.0.2.1"] },
      { where: "nft inet a", kind: "missing", lines: [] },
      { where: "nft inet b", kind: "differs", lines: ["- chain c: drop", "+ chain c: accept"] },
      { where: "nft inet c", kind: "extra", lines: [] },
    ])
  })

  it("takes an empty legacy table for none", () => {
    expect(
      compareSnapshots(holding({ legacy: "*filter\n:INPUT ACCEPT [5:6]\nCOMMIT\n" }), nothing, "exact"),
    ).toEqual([])
    expect(
      compareSnapshots(holding({ legacy: "*filter\n:INPUT DROP [5:6]\nCOMMIT\n" }), nothing, "exact"),
    ).toHaveLength(1)
  })
})
