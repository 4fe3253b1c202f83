import { describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { earliestMs, promisedMs } from "./clock-promise.ts"
import { expireInFlood } from "./flood-expiry.ts"

if (labUnavailable) process.stderr.write(`skipped: expiry in a flood: ${labUnavailable}\n`)

const rate = 100_000

describe.skipIf(labUnavailable)("in a flood of 100 000 forged knocks a second", () => {
  it.each(["disarm", "reset"] as const)(
    "a session with --on-expiry %s ends when it promised",
    async (onExpiry) => {
      const { lateMs, sent, heard, open } = await expireInFlood(rate, onExpiry)
      const reached = Math.round(sent.sent / sent.seconds)
      process.stderr.write(
        `expiry in a flood: --on-expiry ${onExpiry}: ${reached}/s sent, ${heard} heard, over ${lateMs} ms after its deadline\n`,
      )
      expect(open).toBe(onExpiry === "reset")
      expect(lateMs).toBeGreaterThanOrEqual(earliestMs)
      // What is owed begins then, and is told when it has been verified.
      if (onExpiry === "disarm") expect(lateMs).toBeLessThan(promisedMs)
    },
  )
})
