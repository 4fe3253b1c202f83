import { expect, it } from "vitest"
import { Turns, turnMs } from "../../src/listener/turns.ts"

it("gives each device its time in a turn of the loop, and all of them theirs again in the next", () => {
  let now = 0
  const waiting: (() => void)[] = []
  const turns = new Turns({ nowMs: () => now, nextTurn: (then) => waiting.push(then) })
  expect(turns.allows("any")).toBe(true)
  now = turnMs - 1
  expect([turns.allows("any"), turns.allows("eth0")]).toEqual([true, true])
  now = turnMs
  expect([turns.allows("any"), turns.allows("eth0")]).toEqual([false, true])
  now = 2 * turnMs
  expect([turns.allows("any"), turns.allows("eth0")]).toEqual([false, false])
  expect(waiting).toHaveLength(1)
  waiting.shift()?.()
  expect([turns.allows("any"), turns.allows("eth0")]).toEqual([true, true])
  expect(waiting).toHaveLength(1)
})
