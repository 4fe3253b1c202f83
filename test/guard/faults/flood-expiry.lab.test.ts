import { describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { earliestMs, promisedMs } from "./clock-promise.ts"
import { expireInFlood } from "./flood-expiry.ts"

if (labUnavailable) process.stderr.write(`skipped: expiry in a flood: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("in a flood of forged knocks", () => {
  it("a session ends when it promised", async () => {
    const { lateMs, heard } = await expireInFlood(20_000, "disarm")
    expect(heard).toBeGreaterThan(5000)
    expect(lateMs).toBeGreaterThanOrEqual(earliestMs)
    expect(lateMs).toBeLessThan(promisedMs)
  })
})
