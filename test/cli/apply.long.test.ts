import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../lab/lab.ts"
import { eventually } from "../lab/programs.ts"
import { ApplyStage, someoneRuns } from "./apply-stage.ts"

if (labUnavailable) process.stderr.write(`skipped: fw-apply against a writer: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("fw-apply against a writer that never rests", () => {
  const stage = new ApplyStage()
  const { server } = stage
  afterAll(() => stage.lab.close())

  it("rehearses three times, then refuses, and nothing of the change is in force", async () => {
    await server.serveTcp(22)
    const script = "iptables -P INPUT DROP; iptables -A INPUT -p tcp --dport 22 -j ACCEPT; sleep 2.0281\n"
    const running = stage.start(stage.file(script), "--no-confirm")
    let written = 0
    while (running.code === undefined) {
      if (someoneRuns("2.0281")) {
        written += 1
        server.sh(`iptables -A FORWARD -p tcp --dport ${written} -j DROP`)
        await eventually("the rehearsal's end", () => !someoneRuns("2.0281"), 30_000)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect([running.code, running.objects.at(-1)]).toEqual([
      1,
      expect.objectContaining({ event: "raced", changed: false }),
    ])
    expect(running.stderr.match(/rehearsing again/g)).toHaveLength(2)
    expect(server.sh("iptables -S INPUT").trim()).toBe("-P INPUT ACCEPT")
    expect(written).toBeGreaterThanOrEqual(3)
    await eventually("the end of its session", () => stage.armed.try("status").code === 1)
  }, 180_000)
})
