import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { armWithClock, noOtherClock } from "../../support/other-clock.ts"
import { earliestMs, endedLateMs, promisedMs } from "./clock-promise.ts"

const unavailable = labUnavailable ?? noOtherClock
if (unavailable) process.stderr.write(`skipped: steps of the guard's clock: ${unavailable}\n`)

const day = 86_400

// The guard's own view of the clock; this machine's clock is stepped in clock-step.long.test.ts.
describe.skipIf(unavailable)("when the guard's clock steps a day", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const clock = join(lab.folder, "clock")
  afterEach(() => {
    armed.try("disarm")
  })

  it("forwards and then two back, the session ends when it promised", async () => {
    writeFileSync(clock, "+0\n")
    await armWithClock(armed, { file: clock }, 10_000)
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").outcome).toMatchObject({ pinned: true })
    for (const step of [day, -day]) {
      writeFileSync(clock, `${step > 0 ? "+" : ""}${step}\n`)
      const { outcome } = armed.knock(client, "probe", "192.0.2.1", "--no-check")
      expect(outcome).toMatchObject({ event: "alive" })
      const steppedMs = (outcome.serverTimeMs as number) - Date.now()
      expect(Math.round(steppedMs / 60_000)).toBe(step / 60) // or nothing has been shown
    }
    const lateMs = await endedLateMs(armed)
    expect(lateMs).toBeGreaterThanOrEqual(earliestMs)
    expect(lateMs).toBeLessThan(promisedMs)
  })
})
