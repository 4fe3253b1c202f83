import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { proveRestorable } from "../../../src/firewall/restore/prove.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { rulesets } from "../../support/firewall/rulesets.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: proof of a snapshot: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("the proof of a snapshot", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it("finds that everything together comes back, and touches nothing here", async () => {
    const host = hostWith(lab, rulesets.map((ruleset) => ruleset.script).join("\n"))
    const deps = firewallOf(host)
    const before = independentView(host)
    const snapshot = await takeSnapshot(deps, "open")
    const proven = await proveRestorable(deps, snapshot)
    expect(proven.proofs.filter((proof) => !proof.ok || proof.why !== undefined)).toEqual([])
    expect(proven.proofs.map((proof) => proof.table)).toEqual(
      expect.arrayContaining(["nft ip filter", "nft netdev nd", "iptables-legacy filter", "ipset blocked"]),
    )
    expect(proven.snapshot).toEqual(snapshot)
    expect(independentView(host)).toBe(before)
  })

  it("names the table that no view restores, why, and goes on with the others", async () => {
    const host = hostWith(
      lab,
      `iptables-nft -A INPUT -m recent --name a --set -j DROP
       nft add rule ip filter INPUT ct state established accept
       nft add table inet other`,
    )
    const deps = firewallOf(host)
    const { proofs, snapshot } = await proveRestorable(deps, await takeSnapshot(deps, "open"))
    expect(proofs).toEqual([
      { table: "nft ip filter", ok: false, why: expect.stringMatching(/nft cannot print/) },
      { table: "nft inet other", ok: true },
    ])
    // Restoring leaves it as it is rather than loading half of it.
    host.sh("nft delete table inet other; nft insert rule ip filter INPUT accept")
    const before = host.run(["nft", "list", "table", "ip", "filter"])
    const report = await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ ok: false, end: "restored", left: [{ where: "nft ip filter" }] })
    expect(host.run(["nft", "list", "table", "ip", "filter"])).toBe(before)
    expect(host.run(["nft", "list", "tables"])).toMatch(/inet other/)
  })

  it("says that extensions come back translated where only the listing is left", async () => {
    const host = hostWith(
      lab,
      `iptables-nft -t nat -A POSTROUTING -o eth0 -j MASQUERADE
       nft add rule ip nat POSTROUTING ip saddr '{ 192.0.2.1, 192.0.2.2 }' masquerade
       nft add rule ip nat POSTROUTING tcp dport vmap '{ 22 : accept }'`,
    )
    const deps = firewallOf(host)
    const { proofs } = await proveRestorable(deps, await takeSnapshot(deps, "open"))
    expect(proofs).toEqual([{ table: "nft ip nat", ok: true, why: expect.stringMatching(/native rules/) }])
  })

  it("finds another view when the first one loses something", async () => {
    const host = hostWith(
      lab,
      "iptables-nft -A INPUT -m recent --name a --set -j DROP; iptables-nft -P INPUT DROP",
    )
    const deps = firewallOf(host)
    // A loader that takes everything and loads half: exit code 0, as FACTS has seen them do.
    const lossy = join(lab.folder, "lossy-restore")
    writeFileSync(lossy, `#!/bin/sh\ngrep -v -- '^:' | ${deps.tools["iptables-nft-restore"]} "$@"\n`)
    chmodSync(lossy, 0o755)
    const snapshot = await takeSnapshot(deps, "open")
    expect(snapshot.nftTables).toMatchObject([{ view: "iptables" }])
    const proven = await proveRestorable(
      { ...deps, tools: { ...deps.tools, "iptables-nft-restore": lossy } },
      snapshot,
    )
    expect(proven.snapshot.nftTables).toMatchObject([{ view: "both" }])
    expect(proven.proofs).toEqual([{ table: "nft ip filter", ok: true }])
  })

  it("names an owned table and a backend that cannot be read", async () => {
    const host = hostWith(lab, "iptables-legacy -A INPUT -j DROP")
    const deps = firewallOf(host)
    const owner = host.start(["sh", "-c", "(echo 'add table inet own { flags owner; }'; sleep 60) | nft -i"])
    for (let n = 0; !host.try(["nft", "list", "tables"]).stdout.includes("inet own"); n++) {
      if (n > 100) throw new Error("the owned table did not come")
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const { "iptables-legacy-save": _, ...tools } = deps.tools
    const snapshot = await takeSnapshot({ ...deps, tools }, "open")
    const { proofs } = await proveRestorable(deps, snapshot)
    expect(proofs).toEqual([
      { table: "nft inet own", ok: false, why: expect.stringMatching(/owns/) },
      { table: "iptables-legacy", ok: false, why: expect.stringMatching(/missing/) },
    ])
    // "Not read" is not "none": a restore does not flush it.
    await restoreSnapshot(deps, { ...snapshot, nftTables: [] }, { folder: join(lab.folder, host.name) })
    expect(host.run(["iptables-legacy", "-S", "INPUT"])).toMatch(/DROP/)
    owner.kill("SIGKILL")
  })
})
