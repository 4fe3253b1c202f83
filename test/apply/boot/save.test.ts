import { existsSync, lstatSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { type BootSaved, refuseUnsavable, saveForBoot } from "../../../src/apply/boot/save.ts"
import type { Clock } from "../../../src/clock.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { parseRuleset } from "../../../src/firewall/snapshot/text/nft-text.ts"
import { emptySnapshot, madeSection, madeTable } from "../../support/made-snapshots.ts"
import { type BootRootOptions, bootRoot, debianConf } from "./boot-root.ts"

const clock = { wallMs: () => Date.UTC(2026, 10, 22, 23, 15) } as Clock
const roots: string[] = []
const made = (options: BootRootOptions): ReturnType<typeof bootRoot> => {
  const one = bootRoot(options)
  roots.push(one.root)
  return one
}
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true })
})

const [gate] = parseRuleset(
  "table inet gate {\n\tchain in {\n\t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport 22 counter packets 5 bytes 300 accept\n\t}\n}\n",
)
const native: Snapshot = {
  ...emptySnapshot,
  nftTables: [
    { family: "inet", name: "gate", listed: gate, saved: undefined, xtRules: {}, view: "nft", owned: false },
  ],
}
const filter = { ...emptySnapshot, nftTables: [madeTable({ INPUT: [["-j DROP", 7]] }, "DROP")] }
const save = async (root: string, rules: Snapshot): Promise<BootSaved> =>
  await saveForBoot({ root, clock }, rules)
const states = ({ files }: BootSaved): string[] => files.map(({ path, state }) => `${path} ${state}`)

describe("saving for the next start", () => {
  it("writes both families for netfilter-persistent, without counters, and the second time nothing", async () => {
    const { root, text } = made({ persistent: "nft" })
    const saved = await save(root, filter)
    expect(states(saved)).toEqual(["/etc/iptables/rules.v4 written", "/etc/iptables/rules.v6 written"])
    expect(saved.notes).toEqual([])
    expect(text("/etc/iptables/rules.v4")).toMatch(
      /^# Written by fw-apply .*\n\*filter\n:INPUT DROP \[0:0\]\n-A INPUT -j DROP\nCOMMIT\n$/,
    )
    expect(text("/etc/iptables/rules.v6")).toMatch(/^# Written by fw-apply .*\n$/)
    expect(statSync(join(root, "/etc/iptables/rules.v4")).mode & 0o777).toBe(0o640)
    expect(states(await save(root, filter))).toEqual([
      "/etc/iptables/rules.v4 unchanged",
      "/etc/iptables/rules.v6 unchanged",
    ])
    expect(readdirSync(join(root, "/etc/iptables")).sort()).toEqual(["rules.v4", "rules.v6"])
  })

  it("keeps what was there under its date, and its mode", async () => {
    const { root, put, text } = made({ persistent: "nft" })
    put("/etc/iptables/rules.v4", "*filter\nCOMMIT\n", 0o600)
    const { files } = await save(root, filter)
    expect(files[0]?.copy).toBe("/etc/iptables/rules.v4.20261122T231500Z")
    expect(text("/etc/iptables/rules.v4.20261122T231500Z")).toBe("*filter\nCOMMIT\n")
    for (const path of ["rules.v4", "rules.v4.20261122T231500Z"])
      expect(statSync(join(root, "/etc/iptables", path)).mode & 0o777).toBe(0o600)
    // A second one in the same second.
    put("/etc/iptables/rules.v4", "# other\n", 0o600)
    const again = await save(root, filter)
    expect(again.files[0]?.copy).toBe("/etc/iptables/rules.v4.20261122T231500Z-2")
    expect(text("/etc/iptables/rules.v4.20261122T231500Z")).toBe("*filter\nCOMMIT\n")
  })

  it.each([
    ["there is none", undefined],
    ["it is what Debian ships", debianConf],
    ["it is empty", "#!/usr/sbin/nft -f\n\nflush ruleset\n"],
  ])("writes nftables.conf when %s", async (_, conf) => {
    const { root, text } = made({ nftables: "disabled", ...(conf === undefined ? {} : { conf }) })
    const saved = await save(root, native)
    expect(states(saved)).toEqual(["/etc/nftables.conf written"])
    expect(saved.notes).toEqual([expect.stringMatching(/nftables.service is not enabled/)])
    expect(text("/etc/nftables.conf")).toMatch(
      /^#!\/usr\/sbin\/nft -f\n# Written by fw-apply .*\nadd table inet gate\ndelete table inet gate\ntable inet gate \{/,
    )
    expect(text("/etc/nftables.conf")).toContain("counter packets 0 bytes 0")
    expect(statSync(join(root, "/etc/nftables.conf")).mode & 0o777).toBe(0o755)
    // Its own it replaces.
    expect(states(await save(root, emptySnapshot))).toEqual(["/etc/nftables.conf written"])
    expect(text("/etc/nftables.conf")).not.toContain("table")
  })

  it("leaves out what no change has made, unless the files have it already, and says so", async () => {
    const sets = [{ name: "theirs", header: "hash:ip family inet", elements: ["192.0.2.1"] }]
    const rules = { ...native, ipsets: sets, made: [] as string[] }
    const { root, put, text } = made({ nftables: "enabled", persistent: "nft" })
    const { notes } = await save(root, rules)
    expect(notes.filter((note) => note.includes("not saved"))).toEqual([
      "inet gate is not saved: no fw-apply has made it, and the files did not have it",
      "ipset theirs is not saved: no fw-apply has made it, and the files did not have it",
    ])
    expect(existsSync(join(root, "/etc/nftables.conf"))).toBe(false)
    await save(root, { ...rules, made: ["inet gate"] })
    expect(text("/etc/nftables.conf")).toContain("table inet gate {")
    await save(root, rules)
    expect(text("/etc/nftables.conf")).toContain("table inet gate {")
    put("/usr/share/netfilter-persistent/plugins.d/10-ipset", "", 0o755)
    put("/etc/iptables/ipsets", "create theirs hash:ip family inet\n", 0o640)
    expect((await save(root, rules)).notes.filter((note) => note.includes("ipset"))).toEqual([])
  })

  it.each([
    ["include", `${debianConf}include "/etc/nftables.d/*.nft"\n`, /include/],
    ["define", `define lan = 10.0.0.0/8\n${debianConf}`, /define/],
    ["comments", `${debianConf}# the office\n`, /comments/],
    [
      "a rule",
      debianConf.replace("input priority filter;", "input priority filter; tcp dport 22 accept"),
      /not written/,
    ],
    ["a policy", debianConf.replace("priority filter;", "priority filter; policy drop;"), /not written/],
  ])("refuses a nftables.conf with %s and writes nothing at all", async (_, conf, why) => {
    const { root, text } = made({ nftables: "enabled", persistent: "nft", conf })
    await expect(
      save(root, { ...filter, nftTables: [...filter.nftTables, ...native.nftTables] }),
    ).rejects.toMatchObject({
      code: "refused",
      message: expect.stringMatching(why),
    })
    expect(text("/etc/nftables.conf")).toBe(conf)
    expect(existsSync(join(root, "/etc/iptables"))).toBe(false)
  })

  it("refuses its own when it has been edited, and one that would be loaded beside the new rules", async () => {
    const { root, put, text } = made({ nftables: "enabled", persistent: "nft" })
    await save(root, native)
    put("/etc/nftables.conf", text("/etc/nftables.conf").replace("dport 22", "dport 2222"))
    await expect(save(root, native)).rejects.toMatchObject({ message: expect.stringMatching(/edited/) })
    put("/etc/nftables.conf", "table inet own { chain c { drop; } }\n")
    await expect(save(root, filter)).rejects.toMatchObject({ code: "refused" })
  })

  it("takes the flush out of a skeleton whose service might run after netfilter-persistent", async () => {
    const { root, text } = made({ nftables: "enabled", persistent: "nft", conf: debianConf })
    const { files } = await save(root, filter)
    expect(files).toContainEqual({
      path: "/etc/nftables.conf",
      state: "written",
      copy: "/etc/nftables.conf.20261122T231500Z",
    })
    expect(text("/etc/nftables.conf")).not.toMatch(/flush|table/)
    expect(text("/etc/nftables.conf.20261122T231500Z")).toBe(debianConf)
  })

  it("leaves a skeleton alone that nothing loads, and one that has nobody's rules to flush", async () => {
    const off = made({ nftables: "disabled", persistent: "nft", conf: debianConf })
    await save(off.root, filter)
    expect(off.text("/etc/nftables.conf")).toBe(debianConf)
    const alone = made({ nftables: "enabled", conf: debianConf })
    expect(await save(alone.root, emptySnapshot)).toEqual({ files: [], notes: [] })
    expect(alone.text("/etc/nftables.conf")).toBe(debianConf)
  })

  it("says beforehand what it would refuse, and writes nothing", () => {
    const { root, text } = made({ nftables: "enabled", conf: `${debianConf}# the office\n` })
    expect(() => refuseUnsavable(root, native)).toThrow(/not written by fw-apply \(it has comments\)/)
    const fine = made({ nftables: "enabled", conf: debianConf })
    expect(() => refuseUnsavable(fine.root, native)).not.toThrow()
    expect(fine.text("/etc/nftables.conf")).toBe(debianConf)
    expect(text("/etc/nftables.conf")).toContain("the office")
  })

  it("writes through a link", async () => {
    const { root, put, text } = made({ nftables: "enabled" })
    put("/srv/nftables.conf", "")
    symlinkSync("../srv/nftables.conf", join(root, "/etc/nftables.conf"))
    await save(root, native)
    expect(lstatSync(join(root, "/etc/nftables.conf")).isSymbolicLink()).toBe(true)
    expect(text("/srv/nftables.conf")).toContain("table inet gate")
  })

  it.each([
    ["nothing loads rules", {}, filter, "missing"],
    [
      "IP sets and no plugin for them",
      { persistent: "nft" },
      { ...filter, ipsets: [{ name: "s", header: "hash:ip", elements: [] }] },
      "missing",
    ],
    [
      "legacy rules where iptables is nft",
      { persistent: "nft" },
      {
        ...emptySnapshot,
        legacyTables: [{ backend: "iptables-legacy", section: madeSection({ INPUT: [["-j DROP", 0]] }) }],
      },
      "refused",
    ],
    [
      "nft rules where iptables is legacy and nftables is not there",
      { persistent: "legacy" },
      native,
      "missing",
    ],
    [
      "iptables rules where iptables is legacy",
      { persistent: "legacy" },
      { ...filter, nftTables: filter.nftTables.map((copy) => ({ ...copy, xtRules: { INPUT: [0] } })) },
      "refused",
    ],
  ] as const)("says what is missing: %s", async (_, options, rules, code) => {
    const { root } = made(options)
    await expect(save(root, rules as Snapshot)).rejects.toMatchObject({ code })
    expect(readdirSync(join(root, "etc"))).not.toContain("nftables.conf")
  })

  it("leaves to other programs what they make when they start, but for the operator's rules in DOCKER-USER", async () => {
    const { root, text } = made({ persistent: "nft" })
    const docker = (user: string): Snapshot => ({
      ...emptySnapshot,
      nftTables: [
        madeTable({
          FORWARD: [
            ["-j DOCKER-USER", 0],
            ["-j ACCEPT", 0],
          ],
          DOCKER: [["-j DROP", 0]],
          "DOCKER-USER": [[user, 0]],
        }),
      ],
    })
    await save(root, docker("-s 192.0.2.7/32 -j DROP"))
    expect(text("/etc/iptables/rules.v4").split("\n").slice(1)).toEqual([
      "*filter",
      ":FORWARD ACCEPT [0:0]",
      ":DOCKER-USER - [0:0]",
      "-A FORWARD -j ACCEPT",
      "-A DOCKER-USER -s 192.0.2.7/32 -j DROP",
      "COMMIT",
      "",
    ])
    await save(root, docker("-j RETURN"))
    expect(text("/etc/iptables/rules.v4")).not.toContain("DOCKER")
  })
})
