import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { deriveKeys } from "../../../src/knock/keys.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { FloodStage, random } from "./flood.ts"

if (labUnavailable) process.stderr.write(`skipped: floods: ${labUnavailable}\n`)

// The whole of it, with figures, is flood.long.test.ts.
describe.skipIf(labUnavailable)("in a flood", () => {
  const stage = new FloodStage()
  afterAll(() => stage.close())
  const keys = deriveKeys(stage.armed.secret)
  const much = { rate: 60_000, seconds: 4 }

  beforeAll(() => stage.arm())

  it("of forged knocks with the right tag the owner is answered", async () => {
    const data = (): Uint8Array => Buffer.concat([keys.requestTag, random(120)])
    const flooded = await stage.flood({ data, distinct: 4096, sources: 4096, ...much }, 4)
    expect(flooded.heard).toBeGreaterThan(10_000)
    expect(flooded.answered).toBe(4)
    expect(stage.armed.status().accepted).toBe(4)
  })

  // The event loop used to stand still for as long as this lasted, and no answer left.
  it("of his own knock, replayed from thousands of addresses, the owner is answered", async () => {
    const knock = await stage.recordProbe()
    const flooded = await stage.flood({ data: () => knock, distinct: 1, sources: 4096, ...much }, 4)
    expect(flooded.heard).toBeGreaterThan(10_000)
    expect(flooded.answered).toBe(4)
    expect(flooded.rejected["screen/pipe-full"]).toBeUndefined()
  })
})
