import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { rebase } from "../../../src/firewall/merge/rebase.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import type { NftTableCopy } from "../../../src/firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { parseRuleset } from "../../../src/firewall/snapshot/text/nft-text.ts"
import { parseSave } from "../../../src/firewall/snapshot/text/save-text.ts"

/** A table of iptables in legacy, and one of nft, with the same chains and rules. */
function rules(chains: Readonly<Record<string, readonly string[]>>, policy = "ACCEPT"): Snapshot {
  const names = Object.keys(chains)
  const heads = names.map((name) => (name === "INPUT" ? `:INPUT ${policy} [0:0]` : `:${name} - [0:0]`))
  const lines = names.flatMap((name) => (chains[name] ?? []).map((rule) => `[0:0] -A ${name} -j ${rule}`))
  const [section] = parseSave(["*filter", ...heads, ...lines, "COMMIT", ""].join("\n"))
  if (section === undefined) throw new Error("no section")
  const blocks = names.map((name) => {
    const base =
      name === "INPUT" ? [`\t\ttype filter hook input priority filter; policy ${policy.toLowerCase()};`] : []
    return [
      "\tchain ".concat(name, " {"),
      ...base,
      ...(chains[name] ?? []).map((rule) => `\t\tjump ${rule}`),
      "\t}",
    ].join("\n")
  })
  const nftTables = parseRuleset(`table inet fw {\n${blocks.join("\n")}\n}\n`).map(
    (listed): NftTableCopy => ({
      family: listed.family,
      name: listed.name,
      listed,
      saved: undefined,
      xtRules: {},
      view: "nft",
      owned: false,
    }),
  )
  return {
    version: 1,
    takenAtMs: 0,
    reason: "test",
    ipsets: [],
    nftTables,
    legacyTables: [{ backend: "iptables-legacy", section }],
    unread: [],
  }
}

const same = (a: Snapshot, b: Snapshot): boolean => compareSnapshots(a, b, "ignored").length === 0
/** The rules of a chain, and that both backends have the same. */
function chain(of: Snapshot, name: string): string[] | undefined {
  const [legacy] = of.legacyTables
  const [native] = of.nftTables
  const block = native?.listed?.blocks.find((one) => one.name === name)
  const saved = legacy?.section.rules.flatMap(
    (rule) => new RegExp(`-A ${name} -j (\\S+)$`).exec(rule)?.[1] ?? [],
  )
  const listed = block?.lines.flatMap((line) => /jump (\S+)/.exec(line)?.[1] ?? [])
  if (block !== undefined) expect(listed).toEqual(saved)
  return listed
}

describe("our change and those of others", () => {
  const before = rules({ INPUT: ["a", "b"], KUBE: ["k1"] })
  const ours = rules({ INPUT: ["b", "c"], KUBE: ["k1"] }, "DROP")

  it("go together where each has chains of its own", () => {
    const theirs = rules({ INPUT: ["a", "b"], KUBE: ["k1", "k2"], NEW: ["n"] })
    const { snapshot, conflicts } = rebase(before, ours, theirs, "refuse")
    expect(conflicts).toEqual([])
    expect([chain(snapshot, "INPUT"), chain(snapshot, "KUBE"), chain(snapshot, "NEW")]).toEqual([
      ["b", "c"],
      ["k1", "k2"],
      ["n"],
    ])
    expect(snapshot.legacyTables[0]?.section.chains[0]).toMatch(/^:INPUT DROP/)
  })

  it.each([
    ["in front", ["z", "a", "b"], ["z", "b", "c"]],
    ["at the end", ["a", "b", "z"], ["b", "c", "z"]],
    ["before one that stays", ["a", "z", "b"], ["z", "b", "c"]],
    ["taken away as well", ["a"], ["c"]],
  ])("in one chain, line by line: %s", (_, inForce, merged) => {
    const { snapshot, conflicts } = rebase(before, ours, rules({ INPUT: inForce, KUBE: ["k1"] }), "refuse")
    expect(conflicts).toEqual([])
    expect(chain(snapshot, "INPUT")).toEqual(merged)
    expect(snapshot.legacyTables[0]?.section.chains[0]).toMatch(/^:INPUT DROP/)
    expect(same(rebase(before, ours, snapshot, "refuse").snapshot, snapshot)).toBe(true)
  })

  const both = ["nft inet fw INPUT", "iptables-legacy filter INPUT"]
  it.each([
    [
      "a rule in the middle of what we replace",
      rules({ INPUT: ["a", "z", "b"], KUBE: ["k1"] }),
      rules({ INPUT: ["c"], KUBE: ["k1"] }),
    ],
    ["two policies", rules({ INPUT: ["a", "b", "z"], KUBE: ["k1"] }, "QUEUE"), ours],
  ])("that have no common place are named at apply, with the table: %s", (_, theirs, wanted) => {
    expect(rebase(before, wanted, theirs, "refuse").conflicts).toEqual(both)
  })

  it("of a chain that one side has removed: named as well", () => {
    const theirs = rules({ INPUT: ["a", "b"], KUBE: ["k1", "k2"] })
    expect(rebase(before, rules({ INPUT: ["a", "b"] }), theirs, "refuse").conflicts).toEqual([
      "nft inet fw KUBE",
      "iptables-legacy filter KUBE",
    ])
  })

  it.each([
    ["in front", ["z", "b", "c"], ["z", "a", "b"]],
    ["behind one that stays", ["b", "z", "c"], ["a", "b", "z"]],
    ["behind one of ours, which goes", ["b", "c", "z"], ["a", "b", "z"]],
    ["several, in their order", ["y", "b", "z1", "z2", "c"], ["y", "a", "b", "z1", "z2"]],
    ["appended, behind one that comes back too", ["b", "c", "z"], ["a", "b", "z"]],
    ["and take one away that was there before", ["c", "z"], ["a", "z"]],
    ["where nothing is left of ours, in front", ["z"], ["z", "a"]],
  ])("at a revert ours go and theirs stay: %s", (_, inForce, left) => {
    const theirs = rules({ INPUT: inForce, KUBE: ["k1"] }, "DROP")
    const { snapshot } = rebase(ours, before, theirs, "ours-go")
    expect(chain(snapshot, "INPUT")).toEqual(left)
    expect(snapshot.legacyTables[0]?.section.chains[0]).toMatch(/^:INPUT ACCEPT/)
  })

  it("a chain that we made and others lead to stays for them", () => {
    const made = rules({ INPUT: ["a", "b", "MINE"], KUBE: ["k1"], MINE: ["m"] })
    const theirs = rules({ INPUT: ["a", "b", "MINE"], KUBE: ["k1", "MINE"], MINE: ["m"] })
    const { snapshot } = rebase(made, before, theirs, "ours-go")
    expect([chain(snapshot, "INPUT"), chain(snapshot, "KUBE"), chain(snapshot, "MINE")]).toEqual([
      ["a", "b"],
      ["k1", "MINE"],
      ["m"],
    ])
  })

  it("elements of a set that others have put in or taken out since stay so", () => {
    const holding = (...elements: string[]): Snapshot => ({
      ...before,
      ipsets: [{ name: "s", header: "hash:ip family inet", elements }],
    })
    const { snapshot } = rebase(holding("1", "2", "3"), holding("1", "2"), holding("1", "3", "9"), "ours-go")
    expect(snapshot.ipsets[0]?.elements).toEqual(["1", "9"])
  })

  it("the hooks of a table that we have switched off are off, and on again when that is reverted", () => {
    const flagged = (of: Snapshot, ...attributes: string[]): Snapshot => ({
      ...of,
      nftTables: of.nftTables.map((copy) => ({
        ...copy,
        listed: copy.listed && { ...copy.listed, attributes },
      })),
    })
    const flags = (of: Snapshot): readonly string[] | undefined => of.nftTables[0]?.listed?.attributes
    const theirs = rules({ INPUT: ["a", "b"], KUBE: ["k1"], NEW: ["n"] })
    const off = flagged(before, "flags dormant")
    const put = rebase(before, off, theirs, "refuse")
    expect([put.conflicts, flags(put.snapshot), chain(put.snapshot, "NEW")]).toEqual([
      [],
      ["flags dormant"],
      ["n"],
    ])
    const back = rebase(off, before, put.snapshot, "ours-go").snapshot
    expect([flags(back), chain(back, "NEW")]).toEqual([[], ["n"]])
    const commented = flagged(theirs, 'comment "theirs"')
    expect(rebase(before, off, commented, "refuse").conflicts).toEqual(["nft inet fw flags"])
  })

  const rule = fc.constantFrom("a", "b", "c", "d", "e")
  const chains = fc.record({ INPUT: fc.uniqueArray(rule), X: fc.uniqueArray(rule) })
  const state = fc.tuple(chains, fc.constantFrom("ACCEPT", "DROP")).map(([all, policy]) => rules(all, policy))

  it("is ours where nobody else has written, and theirs where we have not", () => {
    fc.assert(
      fc.property(
        state,
        state,
        fc.constantFrom("refuse" as const, "ours-go" as const),
        (one, other, both) => {
          expect(same(rebase(one, other, one, both).snapshot, other)).toBe(true)
          expect(same(rebase(one, one, other, both).snapshot, other)).toBe(true)
          expect(same(rebase(one, other, other, both).snapshot, other)).toBe(true)
          expect(rebase(one, other, one, both).conflicts).toEqual([])
        },
      ),
      { numRuns: 60 },
    )
  })

  it("reverted, keeps every rule that others have written since, and none of ours alone", () => {
    fc.assert(
      fc.property(
        state,
        state,
        fc.array(fc.constantFrom("x", "y", "z")),
        fc.nat(),
        (was, put, others, at) => {
          const inForce = chain(put, "INPUT") ?? []
          const place = at % (inForce.length + 1)
          const theirs = rules({ INPUT: inForce.toSpliced(place, 0, ...others), X: chain(put, "X") ?? [] })
          const policy = put.legacyTables[0]?.section.chains[0]?.includes("DROP") ? "DROP" : "ACCEPT"
          const now =
            policy === "DROP"
              ? rules({ INPUT: chain(theirs, "INPUT") ?? [], X: chain(put, "X") ?? [] }, "DROP")
              : theirs
          const left = chain(rebase(put, was, now, "ours-go").snapshot, "INPUT") ?? []
          expect(left.filter((one) => /[xyz]/.test(one))).toEqual(others)
          expect(left.filter((one) => !/[xyz]/.test(one))).toEqual(chain(was, "INPUT"))
          // Reverted once more, nothing changes: so what is in force can be compared with what it should be.
          const reverted = rebase(put, was, now, "ours-go").snapshot
          expect(same(rebase(put, was, reverted, "ours-go").snapshot, reverted)).toBe(true)
        },
      ),
      { numRuns: 100 },
    )
  })
})
