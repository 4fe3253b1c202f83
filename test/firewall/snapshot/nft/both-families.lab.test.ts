import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { proveRestorable } from "../../../../src/firewall/restore/prove.ts"
import { restoreSnapshot } from "../../../../src/firewall/restore/restore.ts"
import { takeSnapshot } from "../../../../src/firewall/snapshot/snapshot.ts"
import { renderTable } from "../../../../src/firewall/snapshot/text/nft-text.ts"
import { firewallOf, hostWith } from "../../../support/firewall/lab-firewall.ts"
import { rawDifferences, rawViews } from "../../../support/firewall/raw-views.ts"
import { Lab, labUnavailable } from "../../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: one target in both families: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("one target of iptables in tables of both families", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it("is read in both, and comes back when packets have been counted", async () => {
    const host = hostWith(
      lab,
      `ip link set lo up
       iptables-nft -t nat -A POSTROUTING -o eth0 -j MASQUERADE; iptables-nft -t nat -A OUTPUT -o lo
       ip6tables-nft -t nat -A POSTROUTING -o eth0 -j MASQUERADE; ip6tables-nft -t nat -A OUTPUT -o lo
       ping -c1 127.0.0.1 >/dev/null; ping -c1 ::1 >/dev/null`,
    )
    const deps = firewallOf(host)
    const before = rawViews(host)
    expect(before.get("ip6tables-nft-save -c")).toContain("[1:104] -A OUTPUT -o lo")
    const taken = await takeSnapshot(deps, "open")
    const listed = taken.nftTables.map((copy) => copy.listed && renderTable(copy.listed))
    for (const table of listed) expect(table).toContain("counter packets 0 bytes 0 masquerade")
    const { snapshot, proofs } = await proveRestorable(deps, taken)
    expect(proofs.filter(({ ok }) => !ok)).toEqual([])

    host.sh("nft delete table ip6 nat")
    const report = await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ end: "restored", ok: true, left: [], differences: [] })
    expect([...rawDifferences(before, rawViews(host))]).toEqual([])
  })
})
