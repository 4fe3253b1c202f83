import { existsSync } from "node:fs"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { independentView } from "../../support/firewall/independent-views.ts"
import { randomFrom } from "../../support/firewall/kill-bench.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { eventually } from "../../support/lab/programs.ts"
import { ChangeStage, noRules, otherRules, someOfEverything } from "./change-stage.ts"

if (labUnavailable) process.stderr.write(`skipped: killed changes: ${labUnavailable}\n`)

const rounds = Number(process.env.FW_KILLS ?? 200)
const seed = Number(process.env.FW_SEED ?? Date.now() % 1_000_000)

describe.skipIf(labUnavailable)(`a change whose guard is killed at any moment, seed ${seed}`, () => {
  const stage = new ChangeStage()
  const { server, armed } = stage
  beforeAll(() => server.serveTcp(22))
  afterEach(() => armed.try("disarm"))
  afterAll(() => stage.close())

  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

  it.each(["rich", "empty"])(
    `is back as it was, ${rounds / 2} times from %s rules`,
    async (kind) => {
      process.stderr.write(`killed changes: FW_SEED=${seed}\n`)
      const random = randomFrom(seed + kind.length)
      const candidate = await stage.rulesOf(otherRules)
      server.sh(noRules)
      if (kind === "rich") server.sh(someOfEverything)
      const before = independentView(server)
      const seen = new Map<string, number>()
      armed.arm("--timeout", "2h")
      let lastsMs = 0
      for (let round = 0; round < rounds / 2; round += 1) {
        const begun = performance.now()
        const applying = stage.apply(candidate, { withinMs: 600_000 }).then(
          (outcome) => outcome.event,
          () => "no answer",
        )
        if (round === 0) {
          await applying
          lastsMs = performance.now() - begun
        }
        const guardPid = (await stage.status()).guardPid
        // Up to half as much again: also while it waits.
        await pause(random() * lastsMs * 1.5)
        process.kill(guardPid, "SIGKILL")
        const answered = await applying
        await eventually("the guard's end", () => !existsSync(`/proc/${guardPid}`))
        expect(armed.try("resume").code, `round ${round}, seed ${seed}`).toBe(0)
        const { change } = await stage.status()
        const state = change === undefined ? "nothing waits" : change.applied ? "waits" : "goes back"
        seen.set(`${answered}, ${state}`, (seen.get(`${answered}, ${state}`) ?? 0) + 1)
        await stage.ask({ command: "rollback", by: "test" })
        expect(independentView(server), `round ${round}, seed ${seed}`).toBe(before)
      }
      process.stderr.write(
        `killed changes (one lasts ${Math.round(lastsMs)} ms): ${JSON.stringify([...seen])}\n`,
      )
    },
    3_600_000,
  )
})
