import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { candidateFrom } from "../../../src/apply/candidate/candidate.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import { withCounters } from "../../../src/firewall/snapshot/counters.ts"
import type { NftTableCopy } from "../../../src/firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { chainText, parseRuleset } from "../../../src/firewall/snapshot/text/nft-text.ts"
import { keeping } from "../../support/keeping.ts"
import {
  chainsArb,
  emptySnapshot,
  type MadeChains,
  madeSection,
  madeSnapshot,
  madeTable,
  policyArb,
} from "../../support/made-snapshots.ts"

const snapshotArb = fc
  .tuple(chainsArb, policyArb)
  .map(([chains, policy]) => ({ chains, policy, snapshot: madeSnapshot(chains, policy) }))

const isForeign = (name: string): boolean => /^(DOCKER|KUBE-|f2b-)/.test(name)
const still = (rule: string): string => rule.replace(/^\[\d+:\d+\] /, "")
const legacyRules = ({ legacyTables }: Snapshot): string[] =>
  legacyTables.flatMap(({ section }) => section.rules)

/** The rules of the one nft table, both views of each rule in one line. */
function bothViews({ nftTables: [copy] }: Snapshot): string[] {
  const saved = copy?.saved?.rules ?? []
  const listed = (copy?.listed?.blocks ?? []).flatMap((block) =>
    chainText(block).rules.map((rule) => `${block.name} ${rule}`),
  )
  expect(listed.length).toBe(saved.length)
  return saved.map((rule, at) => `${rule} = ${listed[at]}`)
}

describe("the candidate", () => {
  it("is the result itself when that is what is in force", () => {
    fc.assert(
      fc.property(snapshotArb, ({ snapshot }) => {
        expect(candidateFrom(snapshot, snapshot, keeping(snapshot))).toEqual({ snapshot, kept: [] })
      }),
    )
  })

  it("is the same again when it is in force", () => {
    fc.assert(
      fc.property(snapshotArb, snapshotArb, (before, result) => {
        const { snapshot } = candidateFrom(before.snapshot, result.snapshot, keeping(before.snapshot))
        const again = candidateFrom(snapshot, result.snapshot, keeping(snapshot))
        expect(compareSnapshots(snapshot, again.snapshot, "ignored")).toEqual([])
      }),
    )
  })

  it("is the same again where a jump to a foreign chain stood twice and the input has it once", () => {
    const [jump, drop, accept] = ["-p tcp -j f2b-sshd", "-s 192.0.2.7/32 -j DROP", "-j ACCEPT"]
    const made = (...rules: string[]): Snapshot =>
      madeSnapshot({ INPUT: rules.map((rule) => [rule, 0] as const), "f2b-sshd": [] })
    const input = made(drop, accept, jump)
    const own = made(jump, drop, jump)
    const { snapshot } = candidateFrom(own, input, keeping(own))
    expect(legacyRules(snapshot)).toEqual(legacyRules(input))
    expect(candidateFrom(snapshot, input, keeping(snapshot)).snapshot).toEqual(snapshot)
  })

  it("has every foreign chain as it was in force, every jump to one from a built-in chain, and every rule of the result", () => {
    fc.assert(
      fc.property(snapshotArb, snapshotArb, (before, result) => {
        const { snapshot } = candidateFrom(before.snapshot, result.snapshot, keeping(before.snapshot))
        const rules = legacyRules(snapshot).map(still)
        const foreign = Object.keys(before.chains).filter(isForeign)
        const ofChain = (from: readonly string[], name: string): string[] =>
          from.filter((rule) => rule.startsWith(`-A ${name} `))
        const was = legacyRules(before.snapshot).map(still)
        for (const name of foreign) expect(ofChain(rules, name)).toEqual(ofChain(was, name))
        for (const name of ["INPUT", "FORWARD", "OUTPUT"]) {
          const jumps = (from: readonly string[]): string[] =>
            ofChain(from, name).filter((rule) => foreign.some((one) => rule.endsWith(`-j ${one}`)))
          expect(jumps(rules).sort()).toEqual(expect.arrayContaining(jumps(was).sort()))
          // What the result has stays in its order.
          const own = ofChain(legacyRules(result.snapshot).map(still), name)
          const left = [...own]
          for (const rule of ofChain(rules, name)) if (rule === left[0]) left.shift()
          expect(left).toEqual([])
        }
      }),
    )
  })

  it("says the same in both views of a table", () => {
    fc.assert(
      fc.property(snapshotArb, snapshotArb, (before, result) => {
        const { snapshot } = candidateFrom(before.snapshot, result.snapshot, keeping(before.snapshot))
        for (const line of bothViews(snapshot)) {
          const [, packets, chain, words, target] = /^\[(\d+):\d+\] -A (\S+) (.*)-j (\S+) = /.exec(line) ?? []
          expect(line.split(" = ")[1]).toMatch(`${chain} ${words}counter packets ${packets} `)
          expect(line.toLowerCase().endsWith(` ${target?.toLowerCase()}`)).toBe(true)
        }
        // The two backends got the same rules, so the same became of them.
        expect(snapshot.nftTables[0]?.saved?.rules.toSorted()).toEqual(legacyRules(snapshot).toSorted())
      }),
    )
  })

  it("is the result but for counters with --replace-all", () => {
    fc.assert(
      fc.property(snapshotArb, snapshotArb, (before, result) => {
        const made = candidateFrom(before.snapshot, result.snapshot, undefined)
        expect(made.kept).toEqual([])
        expect(compareSnapshots(made.snapshot, result.snapshot, "ignored")).toEqual([])
      }),
    )
  })
})

describe("foreign rules", () => {
  const docker: MadeChains = {
    INPUT: [["-p tcp -m tcp --dport 22 -j ACCEPT", 1]],
    FORWARD: [
      ["-j DOCKER-USER", 5],
      ["-j DOCKER-FORWARD", 6],
      ["-p tcp -j ACCEPT", 7],
      ["-p udp -j f2b-dns", 8],
      ["-j DROP", 9],
    ],
    OUTPUT: [],
    "DOCKER-USER": [["-j RETURN", 2]],
    "DOCKER-FORWARD": [["-j ACCEPT", 3]],
    "f2b-dns": [["-s 192.0.2.7/32 -j DROP", 4]],
  }
  const before = madeSnapshot(docker, "DROP")
  const forward = (snapshot: Snapshot): string[] =>
    legacyRules(snapshot).flatMap((rule) => /-A FORWARD (.*)/.exec(rule)?.[1] ?? [])

  it("stand in front when nothing of what they stood behind is left", () => {
    const flushed = madeSnapshot({ INPUT: [], FORWARD: [["-j REJECT", 0]], OUTPUT: [] })
    const { snapshot, kept } = candidateFrom(before, flushed, keeping(before))
    expect(forward(snapshot)).toEqual([
      "-j DOCKER-USER",
      "-j DOCKER-FORWARD",
      "-p udp -j f2b-dns",
      "-j REJECT",
    ])
    expect(kept).toEqual([
      "ip filter DOCKER-USER",
      "ip filter DOCKER-FORWARD",
      "ip filter f2b-dns",
      "legacy ip filter DOCKER-USER",
      "legacy ip filter DOCKER-FORWARD",
      "legacy ip filter f2b-dns",
    ])
  })

  it("stand behind the rule that they stood behind, and stay where the result has them", () => {
    const changed = madeSnapshot({
      INPUT: [],
      FORWARD: [
        ["-p icmp -j ACCEPT", 0],
        ["-p tcp -j ACCEPT", 0],
        ["-j DOCKER-FORWARD", 0],
        ["-j DROP", 0],
      ],
      OUTPUT: [],
    })
    const { snapshot } = candidateFrom(before, changed, keeping(before))
    expect(forward(snapshot)).toEqual([
      "-j DOCKER-USER",
      "-p icmp -j ACCEPT",
      "-p tcp -j ACCEPT",
      "-p udp -j f2b-dns",
      "-j DOCKER-FORWARD",
      "-j DROP",
    ])
  })

  it("are the input's own when it named them, in the table where it did", () => {
    const flushed = madeSnapshot({ INPUT: [], FORWARD: [], OUTPUT: [] })
    const { snapshot, kept } = candidateFrom(
      before,
      flushed,
      keeping(before, "ip filter f2b-dns", "ip filter FORWARD"),
    )
    expect(snapshot.nftTables[0]?.saved?.chains.map((line) => line.split(" ")[0])).not.toContain(":f2b-dns")
    expect(kept).not.toContain("ip filter f2b-dns")
    expect(kept).toContain("ip filter DOCKER-USER")
    expect(kept).toContain("legacy ip filter f2b-dns")
  })

  it("come back into a table that is gone: base chains that let everything through, and nothing of the operator's", () => {
    const { snapshot } = candidateFrom(before, emptySnapshot, keeping(before))
    const [copy] = snapshot.nftTables
    expect(copy?.view).toBe("iptables")
    expect(copy?.saved).toEqual({
      table: "filter",
      chains: [
        ":DOCKER-USER - [0:0]",
        ":DOCKER-FORWARD - [0:0]",
        ":f2b-dns - [0:0]",
        ":FORWARD ACCEPT [0:0]",
        // Each save names these, there or not.
        ":INPUT ACCEPT [0:0]",
        ":OUTPUT ACCEPT [0:0]",
      ],
      rules: [
        "[2:120] -A DOCKER-USER -j RETURN",
        "[3:180] -A DOCKER-FORWARD -j ACCEPT",
        "[4:240] -A f2b-dns -s 192.0.2.7/32 -j DROP",
        "[5:300] -A FORWARD -j DOCKER-USER",
        "[6:360] -A FORWARD -j DOCKER-FORWARD",
        "[8:480] -A FORWARD -p udp -j f2b-dns",
      ],
    })
    expect(copy?.listed?.blocks.find(({ name }) => name === "FORWARD")?.lines[0]).toMatch(/policy accept;/)
  })

  it("that Docker writes into built-in chains stay too", () => {
    const nat = (rules: [string, number][]): Snapshot => ({
      ...emptySnapshot,
      legacyTables: [
        {
          backend: "iptables-legacy",
          section: {
            table: "nat",
            chains: [":POSTROUTING ACCEPT [0:0]"],
            rules: rules.map(([rule, count]) => `[${count}:${count}] -A POSTROUTING ${rule}`),
          },
        },
      ],
    })
    const masquerade = "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"
    const own = nat([
      [masquerade, 3],
      ["-o eth0 -j MASQUERADE", 4],
    ])
    const { snapshot, kept } = candidateFrom(own, nat([["-o eth1 -j MASQUERADE", 0]]), keeping(own))
    expect(legacyRules(snapshot)).toEqual([
      `[3:3] -A POSTROUTING ${masquerade}`,
      "[0:0] -A POSTROUTING -o eth1 -j MASQUERADE",
    ])
    expect(kept).toEqual(["legacy ip nat POSTROUTING"])
  })

  it("keep the sets that they ask", () => {
    const sets = [
      { name: "mine", header: "hash:ip family inet", elements: [] },
      { name: "f2b-sshd", header: "hash:ip family inet", elements: ["192.0.2.7"] },
      { name: "asked", header: "hash:ip family inet", elements: ["192.0.2.8"] },
    ]
    const asking = madeSnapshot({
      INPUT: [["-j f2b-sshd", 0]],
      "f2b-sshd": [["-m set --match-set asked src -j DROP", 0]],
    })
    const own = { ...asking, ipsets: sets }
    const { snapshot, kept } = candidateFrom(own, emptySnapshot, keeping(own))
    expect(snapshot.ipsets.map(({ name }) => name)).toEqual(["f2b-sshd", "asked"])
    expect(kept).toEqual(expect.arrayContaining(["ipset f2b-sshd", "ipset asked"]))
  })

  it("are whole tables of nft, unless the input named the table", () => {
    const [listed] = parseRuleset("table inet f2b-table {\n\tchain c {\n\t\tdrop\n\t}\n}\n")
    const table: NftTableCopy = {
      family: "inet",
      name: "f2b-table",
      listed,
      saved: undefined,
      xtRules: {},
      view: "nft",
      owned: false,
    }
    const holding = { ...emptySnapshot, nftTables: [table] }
    expect(candidateFrom(holding, emptySnapshot, keeping(holding))).toEqual({
      snapshot: holding,
      kept: ["inet f2b-table"],
    })
    for (const name of ["inet f2b-table", "inet f2b-table c"])
      expect(candidateFrom(holding, emptySnapshot, keeping(holding, name)).snapshot.nftTables).toEqual([])
  })

  it("beside native rules make the table one of both views", () => {
    const now = parseRuleset(
      "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tct state established accept\n\t}\n}\n",
    )[0]
    const native: NftTableCopy = {
      family: "ip",
      name: "filter",
      listed: now,
      saved: undefined,
      xtRules: {},
      view: "nft",
      owned: false,
    }
    const own = { ...emptySnapshot, nftTables: [{ ...madeTable(docker), xtRules: { "DOCKER-USER": [0] } }] }
    const { snapshot } = candidateFrom(own, { ...emptySnapshot, nftTables: [native] }, keeping(own))
    const [made] = snapshot.nftTables
    expect(made).toMatchObject({ view: "both", xtRules: { "DOCKER-USER": [0] } })
    expect(made?.saved?.rules).toContain("[2:120] -A DOCKER-USER -j RETURN")
  })
})

describe("counters", () => {
  it("are kept where the rule is the same, equal rules in their order, and policies", () => {
    const counted = madeSnapshot({
      INPUT: [
        ["-j LOG", 1],
        ["-p tcp -j DROP", 2],
        ["-j LOG", 3],
      ],
    })
    const fresh = madeSnapshot({
      INPUT: [
        ["-j LOG", 0],
        ["-p udp -j DROP", 0],
        ["-j LOG", 0],
        ["-j LOG", 0],
      ],
    })
    const now = withCounters(fresh, counted)
    expect(legacyRules(now)).toEqual([
      "[1:60] -A INPUT -j LOG",
      "[0:0] -A INPUT -p udp -j DROP",
      "[3:180] -A INPUT -j LOG",
      "[0:0] -A INPUT -j LOG",
    ])
    expect(bothViews(now)[2]).toMatch(/^\[3:180\].* = INPUT counter packets 3 bytes 180 log$/)
  })

  it("of a policy that is another one begin anew", () => {
    const section = (head: string): Snapshot => ({
      ...emptySnapshot,
      legacyTables: [{ backend: "iptables-legacy", section: { ...madeSection({}), chains: [head] } }],
    })
    const kept = (head: string): string | undefined =>
      withCounters(section(head), section(":INPUT DROP [8:9]")).legacyTables[0]?.section.chains[0]
    expect(kept(":INPUT DROP [0:0]")).toBe(":INPUT DROP [8:9]")
    expect(kept(":INPUT ACCEPT [0:0]")).toBe(":INPUT ACCEPT [0:0]")
  })
})
