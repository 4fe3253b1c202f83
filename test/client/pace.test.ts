import { describe, expect, it } from "vitest"
import { Pace } from "../../src/client/pace.ts"
import { VirtualTime } from "../support/virtual-time.ts"

/** Starts `count` that never end unless told; the moments of their starts, in order. */
function starts(pace: Pace, time: VirtualTime, count: number, workMs = Number.POSITIVE_INFINITY): number[] {
  const begunMs = time.bootMs()
  const startedMs: number[] = []
  for (let number = 0; number < count; number += 1)
    void pace.run(
      () =>
        new Promise<void>((resolve) => {
          startedMs.push(time.bootMs() - begunMs)
          if (Number.isFinite(workMs)) time.after(workMs, resolve)
        }),
    )
  return startedMs
}

describe("a pace", () => {
  it("lets a few start at once", async () => {
    const time = new VirtualTime()
    const startedMs = starts(new Pace(time), time, 16)
    await time.pass(0)
    expect(startedMs).toEqual(new Array(16).fill(0))
  })

  it("lets the others start turn by turn, more and more as long as the turns are short", async () => {
    const time = new VirtualTime()
    const startedMs = starts(new Pace(time), time, 10_000)
    await time.pass(10)
    const [soon, later] = [startedMs.filter((ms) => ms <= 5).length, startedMs.length]
    expect(soon).toBeGreaterThan(16 * 5)
    expect(later).toBeGreaterThan(soon * 1.8)
    await time.pass(1000)
    expect(startedMs).toHaveLength(10_000)
    expect(startedMs).toEqual([...startedMs].sort((one, other) => one - other))
  })

  it("starts fewer and fewer while the turns are long, and one at least", async () => {
    const time = new VirtualTime()
    const late = Object.assign(Object.create(time) as VirtualTime, {
      after: time.after.bind(time),
      bootMs: () => time.bootMs() * 25,
    })
    const startedMs = starts(new Pace(late), time, 1000)
    await time.pass(100)
    expect(startedMs.length).toBeLessThan(16 + 16 + 100)
    expect(startedMs.length).toBeGreaterThan(100)
  })

  it("keeps below a rate", async () => {
    const time = new VirtualTime()
    const startedMs = starts(new Pace(time, { rate: 100 }), time, 1000)
    await time.pass(2000)
    expect(startedMs.length).toBeGreaterThanOrEqual(200)
    expect(startedMs.length).toBeLessThanOrEqual(211)
  })

  it("lets one in a second at least start", async () => {
    const time = new VirtualTime()
    const startedMs = starts(new Pace(time, { rate: 1 }), time, 5)
    await time.pass(3500)
    expect(startedMs).toHaveLength(4)
  })

  it("has no more inside than its window, and lets the next in when one ends", async () => {
    const time = new VirtualTime()
    const startedMs = starts(new Pace(time, { window: 4 }), time, 12, 100)
    await time.pass(99)
    expect(startedMs).toHaveLength(4)
    await time.pass(150)
    expect(startedMs).toHaveLength(12)
  })

  it("goes on behind work that fails", async () => {
    const time = new VirtualTime()
    const pace = new Pace(time, { window: 1 })
    const failed = pace.run(async () => Promise.reject(new Error("gone")))
    const next = pace.run(async () => "done")
    await expect(failed).rejects.toThrow("gone")
    await time.pass(5)
    await expect(next).resolves.toBe("done")
  })
})
