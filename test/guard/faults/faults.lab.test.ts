import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"
import { cgroupUnavailable } from "./cgroup.ts"
import { faults } from "./faults.ts"
import { FaultStage } from "./stage.ts"

const unavailable = labUnavailable ?? cgroupUnavailable
if (unavailable) process.stderr.write(`skipped: faults: ${unavailable}\n`)

// 20 knocks of each, with figures: faults.long.test.ts.
describe.skipIf(unavailable)("a knock works with", () => {
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

  it.each(
    matrix(
      faults.filter(({ name }) => !name.startsWith("none")),
      2,
    ),
  )("$name", async ({ run }) => {
    expect((await run(stage, 3)).opened).toBe(3)
  })
})
