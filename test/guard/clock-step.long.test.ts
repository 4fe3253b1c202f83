import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../lab/lab.ts"
import { ArmedServer } from "../lab/programs.ts"
import { endedLateMs, promisedMs } from "./clock-promise.ts"

if (labUnavailable) process.stderr.write(`skipped: clock steps: ${labUnavailable}\n`)

const stepper = fileURLToPath(new URL("./clock-step.py", import.meta.url))
const day = 86_400

// This machine's own clock, for less than two seconds: there is no clock of that kind in a namespace.
describe.skipIf(labUnavailable)("when this machine's clock steps a day forwards, two back, and home", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)

  it("a session ends when it promised, and takes its owner's knock in between", async () => {
    armed.arm("--timeout", "10s")
    expect(armed.knock(client, "probe", "192.0.2.1", "--no-check").outcome).toMatchObject({ pinned: true })
    const late = endedLateMs(armed)
    // The deadline is met 1 s after the first step back, a day before the session began.
    const left = (armed.status().secondsLeft as number) - 1.2
    const stepping = server.start([
      "/usr/bin/python3",
      stepper,
      ...[left, day, 0.5, -day, 1.2, 0].map(String),
    ])
    await new Promise((resolve) => stepping.once("exit", resolve))
    const lateMs = await late
    process.stderr.write(`clock steps: the session was over ${lateMs} ms after its deadline\n`)
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThan(promisedMs)
  })
})
