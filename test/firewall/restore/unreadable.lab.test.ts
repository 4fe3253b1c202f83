import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import type { ToolName } from "../../../src/firewall/tools/table.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { type Host, Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"

if (labUnavailable) process.stderr.write(`skipped: rules that cannot be read: ${labUnavailable}\n`)

/** nft 1.0.6 dies of listing this rule. */
const deadly =
  "ip6tables-nft -A INPUT -m hashlimit --hashlimit-upto 1mb/s --hashlimit-mode srcip --hashlimit-name h --hashlimit-rate-match"
const rules = `${deadly}
  ip6tables-nft -P INPUT DROP
  iptables-nft -A INPUT -p tcp --dport 22 -j DROP
  nft 'table inet fw { chain in { type filter hook input priority 5; tcp dport 80 drop; }; }'
  iptables-legacy -A INPUT -p tcp --dport 23 -j DROP
  ipset create s hash:ip; iptables-legacy -A INPUT -m set --match-set s src -j DROP`

/** Everything that a tool can do instead of its work; `$real` is the tool. */
const troubles: readonly [string, string][] = [
  ["crashes", "kill -SEGV $$"],
  ["prints half with exit code 0", '$real "$@" | head -c 50'],
  ["prints garbage with exit code 0", "echo lorem ipsum"],
  ["prints nothing with exit code 0", "exit 0"],
  ["prints half and crashes", '$real "$@" | head -c 50; kill -SEGV $$'],
]

describe.skipIf(labUnavailable)("rules that cannot be read", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  let fakes = 0

  /** A program in place of a tool. */
  const fake = (tool: ToolName, script: string, host: Host): ReturnType<typeof firewallOf> => {
    const deps = firewallOf(host)
    const path = join(lab.folder, `fake-${fakes++}`)
    writeFileSync(path, `#!/bin/sh\nreal=${deps.tools[tool]}\n${script}\n`)
    chmodSync(path, 0o755)
    return { ...deps, tools: { ...deps.tools, [tool]: path } }
  }

  it("are read by iptables where nft dies of one rule, and hide no other table", async () => {
    const host = hostWith(lab, rules)
    const deps = firewallOf(host)
    expect(host.try(["nft", "list", "ruleset"]).code, "if nft can list it, this shows nothing").not.toBe(0)
    const snapshot = await takeSnapshot(deps, "x")
    expect(snapshot.unread).toEqual([])
    expect(
      snapshot.nftTables.map(({ family, name, listed }) => [family, name, listed !== undefined]),
    ).toEqual([
      ["ip6", "filter", false],
      ["ip", "filter", true],
      ["inet", "fw", true],
    ])
    host.sh("nft flush ruleset; iptables-legacy -F")
    expect(await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })).toMatchObject({
      ok: true,
    })
    expect(host.sh("ip6tables-nft-save")).toMatch(/:INPUT DROP.*\n[\s\S]*--hashlimit-rate-match/)
    expect(host.sh("nft list table inet fw; iptables-nft-save; iptables-legacy-save")).toMatch(
      /dport 80 drop[\s\S]*dport 22[\s\S]*match-set s/,
    )
  })

  it("are asleep or awake as they were, where nft cannot list them", async () => {
    const host = hostWith(lab, rules)
    const deps = firewallOf(host)
    const before = await takeSnapshot(deps, "before")
    host.sh("nft 'add table ip6 filter { flags dormant; }'")
    const asleep = await takeSnapshot(deps, "asleep")
    expect(asleep.nftTables[0]).toMatchObject({ name: "filter", asleep: true })
    expect(await restoreSnapshot(deps, before, { folder: join(lab.folder, host.name) })).toMatchObject({
      end: "restored",
      ok: true,
    })
    expect((await takeSnapshot(deps, "after")).nftTables[0]?.asleep).toBeUndefined()
  })

  describe.each(matrix(troubles, 2))("where a tool %s", (_, script) => {
    it("nft: nothing counts as empty; iptables' own tables are read all the same", async () => {
      const host = hostWith(lab, rules)
      const snapshot = await takeSnapshot(fake("nft", script, host), "x")
      expect(snapshot.nftTables.map(({ family, name }) => `${family} ${name}`)).toEqual([
        "ip6 filter",
        "ip filter",
      ])
      expect(snapshot.unread).toEqual([{ where: "nft inet fw", why: expect.any(String) }])
      expect(snapshot.legacyTables).toHaveLength(1)
    })

    it.each([
      ["iptables-nft-save", []],
      ["ip6tables-nft-save", ["nft ip6 filter"]],
      ["iptables-legacy-save", ["iptables-legacy filter"]],
      ["ipset", ["ipset"]],
    ] as const)("%s: what only it can read is unread, and nothing else", async (tool, lost) => {
      const host = hostWith(lab, rules)
      const deps = fake(tool, script, host)
      const snapshot = await takeSnapshot(deps, "x")
      const covered = snapshot.unread.map(({ where }) => where)
      expect(
        covered.map((where) => (where === "iptables-legacy" ? "iptables-legacy filter" : where)),
      ).toEqual(lost)
      // A restore to it says so, and leaves alone what is not known.
      const report = await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })
      expect(report).toMatchObject({ end: "nothing-to-do", changed: false, ok: lost.length === 0 })
    })
  })

  it("a restore puts back all others, names what it could not read, and wakes it", async () => {
    const host = hostWith(lab, rules)
    const before = await takeSnapshot(firewallOf(host), "before")
    host.sh(`nft 'add table inet fw { flags dormant; }'; iptables-nft -F; iptables-legacy -F`)
    const deps = fake("nft", 'case "$*" in *list*) kill -SEGV $$;; *) exec $real "$@";; esac', host)
    const report = await restoreSnapshot(deps, before, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ end: "restored", ok: false, left: [{ where: "nft inet fw" }] })
    expect(report.differences).toEqual([
      { where: "nft inet fw", kind: "unread", lines: [expect.any(String)] },
    ])
    expect(host.sh("nft list table inet fw; iptables-nft-save; iptables-legacy-save")).toMatch(
      /dport 80 drop[\s\S]*dport 22[\s\S]*match-set s/,
    )
    expect(host.sh("nft list table inet fw")).not.toMatch(/dormant/)
  })
})
