import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { anyCase, type End, goThrough } from "./case.ts"

if (labUnavailable) process.stderr.write(`skipped: random changes: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a change of generated rules", () => {
  it("is what the script changes, and nothing else; and goes back, but for what others wrote", async () => {
    const ends: Record<End, number> = { refused: 0, unchanged: 0, raced: 0, reverted: 0 }
    const ms = Number(process.env.FW_MS ?? 40_000)
    let running: Promise<End> | undefined
    await fc.assert(
      fc.asyncProperty(anyCase, async (one) => {
        running = goThrough(one)
        ends[await running] += 1
      }),
      {
        seed: Number(process.env.FW_SEED ?? 1),
        ...(process.env.FW_PATH ? { path: process.env.FW_PATH } : {}),
        numRuns: 1_000_000,
        interruptAfterTimeLimit: ms,
        verbose: 0,
      },
    )
    // The time limit does not wait for the last one, whose namespaces are to go.
    await running?.catch(() => {})
    process.stderr.write(`${JSON.stringify(ends)}\n`)
    expect(ends.reverted).toBeGreaterThan(0)
  }, 36_000_000)
})
