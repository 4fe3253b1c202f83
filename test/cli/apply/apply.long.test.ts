import { afterAll, describe, expect, it } from "vitest"
import { randomFrom } from "../../support/firewall/kill-bench.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { eventually } from "../../support/lab/programs.ts"
import { ApplyStage, someoneRuns } from "./stage.ts"

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

const kills = Number(process.env.FW_KILLS ?? 20)
const seed = Number(process.env.FW_SEED ?? Date.now() % 1_000_000)

describe.skipIf(labUnavailable)(`fw-apply killed at any moment, seed ${seed}`, () => {
  const stage = new ApplyStage()
  const { server, armed } = stage
  afterAll(() => stage.lab.close())

  it(`leaves everything as it was, ${kills} times`, async () => {
    process.stderr.write(`killed fw-apply: FW_SEED=${seed}\n`)
    const random = randomFrom(seed)
    await server.serveTcp(22)
    server.sh("iptables -A INPUT -p tcp --dport 25 -j DROP; ip6tables -P FORWARD DROP")
    const rules = (): string => server.sh("iptables -S; ip6tables -S; ipset list -n")
    const before = rules()
    const file = stage.file(
      "ipset create new hash:ip; iptables -F; iptables -P INPUT DROP; iptables -A INPUT -p tcp --dport 22 -j ACCEPT; ip6tables -P INPUT DROP\n",
    )
    let lastsMs = 0
    let changed = 0
    for (let round = 0; round < kills; round += 1) {
      const begun = performance.now()
      const running = stage.start(file, "--confirm-within", "5s")
      if (round === 0) {
        await eventually("the change", () => running.has("applied"), 60_000)
        lastsMs = performance.now() - begun
      } else await new Promise((resolve) => setTimeout(resolve, random() * lastsMs * 1.2))
      running.child.kill("SIGKILL")
      await eventually("its end", () => running.code !== undefined)
      if (rules() !== before) changed += 1
      const isOver = (): boolean => armed.try("status").code === 1 || armed.status().change === undefined
      await eventually("the way back", isOver, 60_000)
      // One that was armed and has not got its change yet is not waited for.
      armed.try("disarm")
      expect(rules(), `round ${round}, seed ${seed}`).toBe(before)
    }
    process.stderr.write(
      `killed fw-apply (up to the change ${Math.round(lastsMs)} ms): in force ${changed} times\n`,
    )
  }, 1_800_000)
})
