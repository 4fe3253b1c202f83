import { expect, it } from "vitest"
import { TimeSlices } from "../../src/listener/time-slices.ts"

it("gives each device its time in a turn of the loop, and all of them theirs again in the next", () => {
  let now = 0
  const waiting: (() => void)[] = []
  const slices = new TimeSlices({ nowMs: () => now, nextTurn: (then) => waiting.push(then) })
  const allowed = (device: string, frames: number): number =>
    Array.from({ length: frames }, () => slices.allows(device)).filter(Boolean).length
  expect(allowed("any", 1024)).toBe(1024)
  now = 25
  expect(allowed("any", 10)).toBe(0)
  expect(allowed("eth0", 1)).toBe(1)
  now = 75
  expect(allowed("eth0", 1024)).toBe(767)
  expect(waiting).toHaveLength(1)
  waiting.shift()?.()
  expect([slices.allows("any"), slices.allows("eth0")]).toEqual([true, true])
  expect(waiting).toHaveLength(1)
})
