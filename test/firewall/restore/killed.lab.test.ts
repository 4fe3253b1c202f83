import { afterAll, describe, expect, it } from "vitest"
import { killBench, randomFrom } from "../../support/firewall/kill-bench.ts"
import { openByHand, rulesets } from "../../support/firewall/rulesets.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: undo killed: ${labUnavailable}\n`)

const everything = rulesets.map((ruleset) => ruleset.script).join("\n")
const rounds = process.env.FW_LONG ? 60 : 3
const seed = Number(process.env.FW_SEED ?? Date.now() % 1_000_000)

describe.skipIf(labUnavailable)(`an undo that is killed, seed ${seed}`, () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it("leaves the old or the new when the guard is killed, and the new when all is and a guard comes back", async () => {
    process.stderr.write(`undo killed: FW_SEED=${seed}\n`)
    const random = randomFrom(seed)
    const bench = await killBench(lab, everything, openByHand)
    const seen: string[] = []
    for (let round = 0; round < rounds; round++) {
      const afterMs = Math.round(random() * bench.lastsMs * 1.2)
      const aftermath = await bench.guardKilled(afterMs)
      seen.push(`${afterMs} ms: ${aftermath}`)
      expect(["old", "new"], `guard killed, seed ${seed}, ${seen.join("; ")}`).toContain(aftermath)

      const later = Math.round(random() * bench.lastsMs * 1.2)
      const all = await bench.allKilled(later)
      seen.push(`${later} ms: ${all.before}, then ${all.after}`)
      expect(["old", "new"], `all killed, seed ${seed}, ${seen.join("; ")}`).toContain(all.after)
      if (all.before === "half") expect(all.after).toBe("new")
    }
    process.stderr.write(`undo killed (a restore lasts ${bench.lastsMs} ms): ${seen.join("; ")}\n`)
  }, 600_000)
})
