import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { cgroupUnavailable } from "./cgroup.ts"
import { faults } from "./faults.ts"
import { FaultStage, figures } from "./stage.ts"

const unavailable = labUnavailable ?? cgroupUnavailable
if (unavailable) process.stderr.write(`skipped: faults: ${unavailable}\n`)

const times = 20

describe.skipIf(unavailable)("20 of 20 knocks work with", { timeout: 600_000 }, () => {
  let stage: FaultStage
  beforeAll(async () => {
    stage = new FaultStage()
    await stage.server.serveTcp(22)
  })
  afterAll(() => stage.close())
  afterEach(() => {
    stage.armed.try("disarm")
    stage.server.run(["nft", "flush", "ruleset"])
  })

  it.each(faults)("$name", async ({ name, run }) => {
    const knocked = await run(stage, times)
    process.stderr.write(figures(name, knocked))
    expect(knocked.opened).toBe(times)
  })
})
