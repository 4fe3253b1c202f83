import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { beforeOpen } from "../../../src/firewall/open/rules-before-open.ts"
import { proveRestorable } from "../../../src/firewall/restore/prove.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { restoreProvable } from "../../../src/firewall/restore/restore-provable.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { armOn } from "../../support/firewall/on-host.ts"
import { type Host, Lab, labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: names and rules that poison: ${labUnavailable}\n`)

/** An apostrophe for sh, inside of apostrophes. */
const quoted = (name: string): string => `'${name.replaceAll("'", "'\\''")}'`
const sets = ["we ird", "sing'le", "back\\slash", "a;b$c", "plain"]
  .map((name) => `ipset create ${quoted(name)} hash:ip comment`)
  .join("\n")

describe.skipIf(labUnavailable)("names and rules that would poison a whole restore", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  const openAndKeep = async (host: Host): Promise<Snapshot> => {
    let kept: Snapshot | undefined
    const deps = firewallOf(host)
    const firewall = await armOn(lab, host, {
      keep: async (opened) => {
        kept = beforeOpen(await takeSnapshot(deps, "open"), opened)
      },
    })
    expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({ ok: true })
    firewall.close()
    if (kept === undefined) throw new Error("nothing was kept")
    return kept
  }

  it("sets with names of every kind come back, with the rules that use them", async () => {
    const host = hostWith(
      lab,
      `${sets}
       ipset add 'we ird' 192.0.2.7 comment 'a b'; ipset add plain 192.0.2.8
       iptables-nft -A INPUT -m set --match-set 'we ird' src -j DROP
       iptables-nft -A INPUT -m set --match-set "sing'le" src -j DROP
       iptables-legacy -A INPUT -m set ! --match-set 'back\\slash' src -m comment --comment "--match-set we ird src" -j DROP
       ip6tables-nft -P INPUT DROP`,
    )
    const deps = firewallOf(host)
    const before = independentView(host)
    expect(host.sh("ipset list -n")).toMatch(/^we ird\n[\s\S]*sing'le/m)
    const kept = await openAndKeep(host)
    expect((await proveRestorable(deps, kept)).proofs.filter(({ ok }) => !ok)).toEqual([])
    const folder = join(lab.folder, host.name)
    expect(await restoreSnapshot(deps, kept, { folder })).toMatchObject({ end: "restored", ok: true })
    expect(independentView(host)).toBe(before)
    host.sh("nft flush ruleset; iptables-legacy -F; ipset destroy")
    expect(await restoreSnapshot(deps, kept, { folder })).toMatchObject({ end: "restored", ok: true })
    expect(independentView(host)).toBe(before)
  })

  it("a set whose name nothing can quote is left out by name, and all others come back", async () => {
    const host = hostWith(
      lab,
      `ipset create 'q"x' hash:ip; ipset create good hash:ip; ipset add good 192.0.2.7
       iptables-nft -A INPUT -m set --match-set 'q"x' src -j DROP
       iptables-legacy -A INPUT -m set --match-set good src -j DROP
       nft 'table inet fw { chain in { type filter hook input priority 0; tcp dport 22 drop; }; }'`,
    )
    const deps = firewallOf(host)
    const snapshot = await takeSnapshot(deps, "x")
    host.sh("nft flush ruleset; iptables-legacy -F; ipset destroy")
    const { report } = await restoreProvable(deps, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ end: "restored", ok: false })
    expect(report.left.map(({ where }) => where).sort()).toEqual(['ipset q"x', "nft ip filter"])
    expect(host.sh("nft list table inet fw; iptables-legacy-save; ipset save")).toMatch(
      /dport 22 drop[\s\S]*match-set good[\s\S]*add good 192.0.2.7/,
    )
  })

  it("a table that nft prints as [invalid type] sleeps through the open, and undo wakes it", async () => {
    const host = hostWith(
      lab,
      `nft 'table inet odd { map m { type ipv4_addr : mark; elements = { 192.0.2.7 : 5 }; }
         chain in { type filter hook input priority 7; meta mark set ip saddr map @m; tcp dport 23 drop; }; }'
       iptables-nft -A INPUT -p tcp --dport 22 -j DROP`,
    )
    const before = independentView(host)
    const deps = firewallOf(host)
    const path = join(lab.folder, "odd-nft")
    writeFileSync(
      path,
      `#!/bin/sh\ncase "$*" in *debug*|*-f*|*add*) exec ${deps.tools.nft} "$@";; esac\n${deps.tools.nft} "$@" | sed 's/: 0x00000005/: [invalid type]/'\n`,
    )
    chmodSync(path, 0o755)
    const odd = { ...deps, tools: { ...deps.tools, nft: path } }
    const snapshot = await takeSnapshot(odd, "x")
    expect(snapshot.nftTables.find(({ name }) => name === "odd")).toMatchObject({
      view: "none",
      why: expect.stringMatching(/invalid type/),
    })
    // As the open leaves it: asleep, whole.
    host.sh("nft 'add table inet odd { flags dormant; }'; iptables-nft -F")
    const report = await restoreSnapshot(odd, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ end: "restored" })
    expect(independentView(host)).toBe(before)
  })

  it("chains of ebtables with policies of their own come back as they were", async () => {
    const host = hostWith(
      lab,
      `ebtables-nft -N mine -P DROP; ebtables-nft -A mine -p IPv4 -j ACCEPT; ebtables-nft -N other; ebtables-nft -A other -p ARP -j mine
       ebtables-nft -A FORWARD -j mine; ebtables-nft -A INPUT -p IPv6 -j other; ebtables-nft -P FORWARD DROP`,
    )
    const before = `${independentView(host)}${host.sh("ebtables-nft-save").replace(/^#.*\n/gm, "")}`
    const view = (): string =>
      `${independentView(host)}${host.sh("ebtables-nft-save").replace(/^#.*\n/gm, "")}`
    const deps = firewallOf(host)
    const kept = await openAndKeep(host)
    const folder = join(lab.folder, host.name)
    expect(await restoreSnapshot(deps, kept, { folder })).toMatchObject({ end: "restored", ok: true })
    expect(view()).toBe(before)
    host.sh("nft flush ruleset")
    expect(await restoreSnapshot(deps, kept, { folder })).toMatchObject({ end: "restored", ok: true })
    expect(view()).toBe(before)
  })
})
