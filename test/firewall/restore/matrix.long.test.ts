import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { proveRestorable } from "../../../src/firewall/restore/prove.ts"
import { restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { independentView } from "../../support/firewall/independent-views.ts"
import { randomFrom } from "../../support/firewall/kill-bench.ts"
import { firewallOf, hostWith } from "../../support/firewall/lab-firewall.ts"
import { openByHand } from "../../support/firewall/rulesets.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { randomRules } from "./random-rules.ts"

if (labUnavailable) process.stderr.write(`skipped: undo matrix: ${labUnavailable}\n`)

const seed = Number(process.env.FW_SEED ?? Date.now() % 1_000_000)
const rounds = Number(process.env.FW_ROUNDS ?? 40)

describe.skipIf(labUnavailable)(`undo, at length, seed ${seed}`, () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it("brings back every kind of nft object and statement", async () => {
    const host = hostWith(lab, "true")
    const file = join(lab.folder, "statement")
    const refused: string[] = []
    for (const line of readFileSync(join(import.meta.dirname, "nft-statements.txt"), "utf8").split("\n")) {
      writeFileSync(file, `${line}\n`)
      if (host.try(["nft", "-f", file]).code !== 0) refused.push(line)
    }
    process.stderr.write(`this kernel refused ${refused.length} statements: ${refused.join(" | ")}\n`)
    expect(refused.length).toBeLessThan(12)
    const deps = firewallOf(host)
    const before = independentView(host)
    const { snapshot, proofs } = await proveRestorable(deps, await takeSnapshot(deps, "open"))
    expect(proofs.filter((proof) => !proof.ok)).toEqual([])
    host.sh(openByHand)
    const report = await restoreSnapshot(deps, snapshot, { folder: join(lab.folder, host.name) })
    expect(report).toMatchObject({ ok: true, differences: [] })
    expect(lineDifference(before, independentView(host))).toEqual([])
  })

  it(`brings back ${rounds} random rulesets over all backends, from one to the next and from none`, async () => {
    process.stderr.write(`undo matrix: FW_SEED=${seed}\n`)
    const random = randomFrom(seed)
    const host = hostWith(lab, "true")
    const deps = firewallOf(host)
    const options = { folder: join(lab.folder, host.name) }
    let last: { view: string; snapshot: Awaited<ReturnType<typeof takeSnapshot>> } | undefined
    for (let round = 0; round < rounds; round++) {
      host.sh(openByHand)
      writeFileSync(join(lab.folder, "random.sh"), randomRules(random))
      const made = host.try(["sh", join(lab.folder, "random.sh")])
      const where = `seed ${seed}, round ${round}\n${made.stderr.slice(0, 500)}`
      const view = independentView(host)
      const snapshot = await takeSnapshot(deps, `round ${round}`)
      expect(snapshot.unread, where).toEqual([])

      host.sh(openByHand)
      expect(await restoreSnapshot(deps, snapshot, options), where).toMatchObject({ ok: true, left: [] })
      expect(lineDifference(view, independentView(host)), where).toEqual([])

      if (last !== undefined) {
        expect(await restoreSnapshot(deps, last.snapshot, options), where).toMatchObject({
          ok: true,
          left: [],
        })
        // What did not differ was not touched, so its counters are those of now, not of then: only rules are compared.
        expect(lineDifference(rulesOf(last.view), rulesOf(independentView(host))), where).toEqual([])
      }
      last = { view, snapshot }
    }
  }, 600_000)
})

/** A difference short enough to read; a test runner's own takes minutes over texts of this size. */
function lineDifference(a: string, b: string): string[] {
  const [left, right] = [a.split("\n"), b.split("\n")]
  if (a === b) return []
  const only = (these: string[], those: Set<string>, sign: string): string[] =>
    these.filter((line) => !those.has(line)).map((line) => `${sign} ${line}`)
  const lines = [...only(left, new Set(right), "-"), ...only(right, new Set(left), "+")]
  return lines.length > 0 ? lines.slice(0, 30) : ["the same lines in another order"]
}

function rulesOf(view: string): string {
  return view
    .replace(/\[ counter pkts \d+ bytes \d+ \]/g, "[ counter ]")
    .replace(/^ *\d+ +\d+ (?= *\S)/gm, "")
    .replace(/packets \d+ bytes \d+/g, "")
    .replace(/pcnt ?=.*$/gm, "")
}
