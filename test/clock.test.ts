import { describe, expect, it, vi } from "vitest"
import { monotonicClock } from "../src/clock.ts"

describe("what is done every second", () => {
  it("is done at the same moment by whoever began when, once each", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "hrtime"] })
    try {
      const turns: number[][] = [[], []]
      const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
      const first = monotonicClock.every(1000, () => turns[0]?.push(nowMs()))
      vi.advanceTimersByTime(350)
      const second = monotonicClock.every(1000, () => turns[1]?.push(nowMs()))
      vi.advanceTimersByTime(5000)
      first.cancel()
      second.cancel()
      vi.advanceTimersByTime(5000)
      expect(turns[1]).toEqual(turns[0]?.slice(-(turns[1]?.length ?? 0)))
      expect(turns[1]?.length).toBeGreaterThanOrEqual(4)
      for (const moment of turns.flat()) expect(moment % 1000).toBeLessThan(1.1)
    } finally {
      vi.useRealTimers()
    }
  })
})
