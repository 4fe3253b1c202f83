import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ReadingAllowance } from "../../../src/guard/listeners/reading-allowance.ts"

/** A knock, as the listener tells of it, has some 430 bytes. */
const knockBytes = 430

describe("ReadingAllowance", () => {
  it("reads two thousand knocks at once without a pause", () => {
    const allowance = new ReadingAllowance(0)
    for (let chunk = 0; chunk < 14; chunk += 1) expect(allowance.spend(150, 150 * knockBytes, chunk)).toBe(0)
  })

  it("goes on soon after, and not at once", () => {
    const allowance = new ReadingAllowance(0)
    const pauseMs = allowance.spend(4100, 0, 0)
    expect(pauseMs).toBe(100)
    expect(allowance.spend(50, 0, pauseMs)).toBe(0)
    expect(allowance.spend(50, 0, pauseMs)).toBe(50)
  })

  it("reads no more than it may, whatever comes and whenever", () => {
    const chunk = fc.record({ lines: fc.nat(1000), bytes: fc.nat(65_536), waitMs: fc.nat(50) })
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 300 }), (chunks) => {
        const allowance = new ReadingAllowance(0)
        let nowMs = 0
        let spent = 0
        for (const { lines, bytes, waitMs } of chunks) {
          nowMs += waitMs
          nowMs += allowance.spend(lines, bytes, nowMs)
          spent += lines + bytes / 512
          expect(spent).toBeLessThanOrEqual(4000 + 2 * nowMs)
        }
      }),
    )
  })
})
