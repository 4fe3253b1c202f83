import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { compareSnapshots } from "../../../src/firewall/snapshot/compare.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { loadSnapshot, saveSnapshot } from "../../../src/firewall/snapshot/store/store.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { openByHand, rulesets } from "../../support/firewall/rulesets.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"

if (labUnavailable) process.stderr.write(`skipped: undo: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("undo", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it.each(matrix(rulesets, 3))("brings back: $name", async ({ name, script }) => {
    const host = hostWith(lab, script)
    const deps = firewallOf(host)
    const before = independentView(host)
    const taken = await takeSnapshot(deps, "open")
    expect(independentView(host), "taking a snapshot changes nothing").toBe(before)
    const snapshot = loadSnapshot(await saveSnapshot(join(lab.folder, "snapshots"), taken))

    host.sh(openByHand)
    if (name !== "nothing at all") expect(independentView(host)).not.toBe(before)

    const report = await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ ok: true, failures: [], left: [], differences: [] })
    expect(independentView(host)).toBe(before)
    expect(compareSnapshots(snapshot, await takeSnapshot(deps, "after"), "exact")).toEqual([])
  })

  it("brings back: nothing, when an empty machine has been filled with rules", async () => {
    const host = hostWith(lab, "true")
    const deps = firewallOf(host)
    const empty = await takeSnapshot(deps, "arming")
    const before = independentView(host)
    for (const { script } of rulesets) {
      writeFileSync(join(lab.folder, "fill.sh"), `FILE=${join(lab.folder, "fill.rules")}\n${script}\n`)
      host.run(["sh", join(lab.folder, "fill.sh")])
    }
    expect(independentView(host)).not.toBe(before)
    const report = await restoreSnapshot(deps, empty, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ ok: true, end: "restored" })
    expect(independentView(host)).toBe(before)
  })
})
