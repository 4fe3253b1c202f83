import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { figures, TeamStage } from "./stage.ts"

if (labUnavailable) process.stderr.write(`skipped: a team that knocks at once: ${labUnavailable}\n`)

const shut = "iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP"

describe.skipIf(labUnavailable)("one secret on 500 addresses of one guard", () => {
  const stage = new TeamStage(500, 1)
  afterAll(() => stage.lab.close())
  beforeAll(() => {
    stage.addAddresses()
    stage.armed.arm("--timeout", "5m")
    stage.server.sh(shut)
  })

  // How long it takes is a figure, of `scripts/bench fleet`.
  it("500 probes are all answered, and none is dropped on its way to the guard", async () => {
    const sent = await stage.knock("probe", stage.armed.secretFile, stage.addresses, 2)
    const rejected = await stage.rejected()
    process.stderr.write(figures("500 probes, 2 ms apart", sent, rejected))
    expect(sent.answered).toBe(500)
    expect(rejected).not.toHaveProperty("screen/pipe-full")
  })

  it("also when all of them begin at once", async () => {
    const sent = await stage.knock("probe", stage.armed.secretFile, stage.addresses, 0)
    const rejected = await stage.rejected()
    process.stderr.write(figures("500 probes at once", sent, rejected))
    expect(sent.answered).toBe(500)
    expect(rejected).not.toHaveProperty("screen/pipe-full")
  })
})

describe.skipIf(labUnavailable)("20 secrets at one guard at once", () => {
  const stage = new TeamStage(0, 20)
  afterAll(() => stage.lab.close())
  beforeAll(async () => {
    await stage.server.serveTcp(22)
    stage.armed.arm("--timeout", "5m", "--secret-file", stage.teamFile)
    stage.server.sh(shut)
  })

  it("20 probes are all answered", async () => {
    const sent = await stage.knock("probe", stage.teamFile, ["192.0.2.1"], 0)
    process.stderr.write(figures("20 probes at once", sent, await stage.rejected()))
    expect(sent.answered).toBe(20)
  })

  it("20 resets open it once, and each is told so in its order", async () => {
    expect(await stage.client.reaches("192.0.2.1", 22, 300)).toBe(false)
    const sent = await stage.knock("reset", stage.teamFile, ["192.0.2.1"], 0)
    process.stderr.write(figures("20 resets at once", sent, await stage.rejected()))
    expect(await stage.client.reaches("192.0.2.1", 22)).toBe(true)
    expect(sent.answered).toBe(20)
    expect(sent.ends.every(({ verified }) => verified)).toBe(true)
    const verdicts = sent.ends.map(({ verdict }) => verdict)
    const opening = verdicts.lastIndexOf("opened") + 1
    expect(verdicts).toEqual([...Array(opening).fill("opened"), ...Array(20 - opening).fill("open-already")])
    // Those who came while the first was being looked at were looked after together.
    expect(stage.armed.status().opens).toBeLessThanOrEqual(3)
    const names = stage.armed.events().filter(({ event, verb }) => event === "knock" && verb === "reset")
    expect(sent.ends.map(({ index }) => `person${index}`)).toEqual(names.map(({ name }) => name))
  })
})
