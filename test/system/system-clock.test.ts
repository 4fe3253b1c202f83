import { describe, expect, it } from "vitest"
import { sinceBoot, systemClock } from "../../src/system/system-clock.ts"

describe("time since boot", () => {
  it("is counted on between readings, goes on over a suspend, and never goes back", () => {
    let monotonic = 1000
    let suspended = 0
    let readings = 0
    const bootMs = sinceBoot(
      () => {
        readings += 1
        return Math.floor((monotonic + suspended) / 10) * 10 // as /proc/uptime says it
      },
      () => monotonic,
    )
    expect(bootMs()).toBe(1000)
    monotonic = 1234
    expect([bootMs(), readings]).toEqual([1234, 1])
    monotonic = 1900
    suspended = 60_000
    expect([bootMs(), readings]).toEqual([1900, 1])
    monotonic = 1955
    expect([bootMs(), readings]).toEqual([61_950, 2])
    let last = bootMs()
    for (let step = 0; step < 5000; step++) {
      monotonic += 7.3
      const now = bootMs()
      expect(now).toBeGreaterThanOrEqual(last)
      last = now
    }
    expect(Math.abs(last - (monotonic + suspended))).toBeLessThanOrEqual(10)
  })

  it("is the machine's", () => {
    const before = Number(process.hrtime.bigint() / 1_000_000n)
    expect(systemClock.bootMs()).toBeGreaterThanOrEqual(before - 50)
  })
})
