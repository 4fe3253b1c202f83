import { expect, it } from "vitest"
import { Turns, turnFrames, turnMs } from "../../src/listener/time-slices.ts"

it("gives each device its time in a turn of the loop, and all of them theirs again in the next", () => {
  let now = 0
  const waiting: (() => void)[] = []
  const turns = new Turns({ nowMs: () => now, nextTurn: (then) => waiting.push(then) })
  const allowed = (device: string, frames: number): number =>
    Array.from({ length: frames }, () => turns.allows(device)).filter(Boolean).length
  expect(allowed("any", 2 * turnFrames)).toBe(2 * turnFrames)
  now = turnMs
  expect(allowed("any", 10)).toBe(0)
  expect(allowed("eth0", 1)).toBe(1)
  now = 3 * turnMs
  expect(allowed("eth0", 2 * turnFrames)).toBe(turnFrames - 1)
  expect(waiting).toHaveLength(1)
  waiting.shift()?.()
  expect([turns.allows("any"), turns.allows("eth0")]).toEqual([true, true])
  expect(waiting).toHaveLength(1)
})
