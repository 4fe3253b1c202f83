import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { figures, TeamStage } from "./stage.ts"

if (labUnavailable) process.stderr.write(`skipped: a team that knocks at once: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("one secret on many addresses", () => {
  const stage = new TeamStage(500, 1)
  afterAll(() => stage.lab.close())
  beforeAll(() => {
    stage.addAddresses()
    stage.armed.arm("--timeout", "5m")
  })

  it.each([4, 2, 1, 0])("500 probes %s ms apart are all answered", async (paceMs) => {
    const sent = await stage.knock("probe", stage.armed.secretFile, stage.addresses, paceMs)
    await sleep(3500)
    process.stderr.write(figures(`500 probes, ${paceMs} ms apart`, sent, stage.rejected()))
    expect(sent.answered).toBe(500)
  })
})

describe.skipIf(labUnavailable)("many secrets at one guard", () => {
  const stage = new TeamStage(0, 20)
  afterAll(() => stage.lab.close())
  beforeAll(() => {
    stage.armed.arm("--timeout", "5m", "--secret-file", stage.teamFile)
  })

  it("20 probes at once are all answered", async () => {
    const sent = await stage.knock("probe", stage.teamFile, ["192.0.2.1"], 0)
    process.stderr.write(figures("20 probes at once", sent, stage.rejected()))
    expect(sent.answered).toBe(20)
  })

  it("20 resets at once are all answered", async () => {
    stage.server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
    const sent = await stage.knock("reset", stage.teamFile, ["192.0.2.1"], 0)
    await sleep(3000)
    process.stderr.write(figures("20 resets at once", sent, stage.rejected()))
    process.stderr.write(`${JSON.stringify(sent.ends)}\n${JSON.stringify(stage.armed.status())}\n`)
    process.stderr.write(
      `${stage.armed
        .events()
        .slice(-60)
        .map((e) => `${e.time} ${e.event} ${e.message}`)
        .join("\n")}\n`,
    )
    expect(sent.answered).toBe(20)
  })
})
