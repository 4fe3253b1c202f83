import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { earliestMs, endedLateMs, promisedMs } from "./clock-promise.ts"

if (labUnavailable) process.stderr.write(`skipped: clock steps: ${labUnavailable}\n`)

const stepper = fileURLToPath(new URL("./clock-step.py", import.meta.url))
const day = 86_400

// This machine's own clock, for less than two seconds: there is no clock of that kind in a namespace.
describe.skipIf(labUnavailable)("when this machine's clock steps a day forwards, two back, and home", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)

  it("a session ends when it promised", async () => {
    armed.arm("--timeout", "10s")
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").outcome).toMatchObject({ pinned: true })
    const late = endedLateMs(armed)
    // It ends between the first step back and the last.
    const left = (armed.status().secondsLeft as number) - 1.2
    const stepping = server.start([
      "/usr/bin/python3",
      stepper,
      ...[left, day, 0.5, -day, 1.2, 0].map(String),
    ])
    const over = new Promise<number | null>((resolve) => stepping.once("exit", resolve))
    const offsets = watchSteps()
    expect(await over).toBe(0)
    const lateMs = await late
    const seen = offsets()
    process.stderr.write(`clock steps: the session was over ${lateMs} ms after its deadline\n`)
    expect(seen).toEqual([-day, 0, day])
    expect(lateMs).toBeGreaterThanOrEqual(earliestMs)
    expect(lateMs).toBeLessThan(promisedMs)
  })
})

/** Looks at the wall clock; says in the end by how many whole seconds it was off at any time. */
function watchSteps(): () => number[] {
  const begun = Date.now() - performance.now()
  const seen = new Set<number>()
  const look = (): unknown => seen.add(Math.round((Date.now() - performance.now() - begun) / 1000) + 0)
  const timer = setInterval(look, 50)
  return () => {
    clearInterval(timer)
    return [...seen].sort((a, b) => a - b)
  }
}
