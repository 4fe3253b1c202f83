import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { beforeOpen } from "../../../src/firewall/open/rules-before-open.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { tableId } from "../../../src/firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { systemClock } from "../../../src/system/system-clock.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { armOn, firewallDeps } from "../../support/firewall/on-host.ts"
import { rulesets } from "../../support/firewall/rulesets.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"

if (labUnavailable) process.stderr.write(`skipped: undo after an open: ${labUnavailable}\n`)

const everything = {
  name: "everything at once",
  script: rulesets.map((ruleset) => ruleset.script).join("\n"),
}

describe.skipIf(labUnavailable)("undo after a real open", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it.each(matrix([everything, ...rulesets], 5))("brings back: $name", async ({ script }) => {
    const host = hostWith(lab, script)
    const deps = firewallOf(host)
    const before = independentView(host)
    let kept: Snapshot | undefined
    const firewall = await armOn(lab, host, {
      keep: async (opened) => {
        kept = beforeOpen(await takeSnapshot(deps, "open"), opened)
        return "kept"
      },
    })
    const report = await firewall.open({ scope: "all", hard: false }).settled
    expect(report).toMatchObject({ ok: true, failures: [], stillDropping: [] })
    expect(report.changed).toBe(kept !== undefined)
    if (kept === undefined) {
      // Nothing there could drop, so nothing was touched.
      expect(independentView(host)).toBe(before)
      return
    }
    expect(independentView(host)).not.toBe(before)
    const undone = await restoreSnapshot(deps, kept, { folder: join(lab.folder, host.name) })
    expect(undone).toMatchObject({ end: "restored", ok: true, failures: [], differences: [] })
    expect(undone.left.filter(({ where }) => !where.startsWith("counters of "))).toEqual([])
    expect(independentView(host)).toBe(before)
  })
  it("brings back what was there, not the tables that an open still thought to be there", async () => {
    const host = hostWith(
      lab,
      "iptables-nft -P INPUT DROP; ip6tables-nft -A INPUT -j DROP; iptables-nft -t raw -A PREROUTING -j DROP",
    )
    const deps = firewallOf(host)
    let kept: Snapshot | undefined
    const firewall = await armOn(lab, host, {
      // What the kernel holds is not looked at again before the open.
      clock: { ...systemClock, every: () => ({ cancel: () => {} }) },
      keep: async (opened) => {
        kept = beforeOpen(await takeSnapshot(deps, "open"), opened)
        return "kept"
      },
    })
    host.sh("nft flush ruleset; ip6tables-nft -P INPUT DROP")
    const before = independentView(host)
    expect(await firewall.open({ scope: "all", hard: false }).settled).toMatchObject({ ok: true })
    expect(kept?.nftTables.map(tableId)).toEqual(["ip6 filter"])
    const undone = await restoreSnapshot(deps, kept as Snapshot, { folder: join(lab.folder, host.name) })
    expect(undone).toMatchObject({ end: "restored", ok: true, differences: [] })
    expect(independentView(host)).toBe(before)
  })

  it("brings back what another writer wrote between an open that found nothing and its last look", async () => {
    const host = hostWith(lab, "iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT")
    host.sh("iptables-nft -F")
    const deps = firewallOf(host)
    let kept: Snapshot | undefined
    let listings = 0
    const { run } = firewallDeps(host)
    const firewall = await armOn(lab, host, {
      run: async (request) => {
        // Is there anything to settle, settle, look: before the third the writer comes.
        if (request.args.join(" ").endsWith("list ruleset")) listings += 1
        if (listings === 3) host.sh("iptables-nft -P INPUT DROP")
        return await run(request)
      },
      keep: async (opened) => {
        kept = beforeOpen(await takeSnapshot(deps, "open"), opened)
        return "kept"
      },
    })
    listings = 0
    const report = await firewall.open({ scope: "all", hard: false }).settled
    expect(report).toMatchObject({ ok: true, stillDropping: [] })
    expect(host.sh("iptables-nft -S INPUT")).toBe("-P INPUT ACCEPT\n")
    const undone = await restoreSnapshot(deps, kept as Snapshot, { folder: join(lab.folder, host.name) })
    expect(undone).toMatchObject({ end: "restored", ok: true, differences: [] })
    expect(host.sh("iptables-nft -S INPUT")).toBe("-P INPUT DROP\n")
  })
})
