import { expect, test } from "vitest"
import { warmUpSession } from "../../src/guard/warm-up.ts"
import { warmUpHearing } from "../../src/listener/warm-up.ts"

test("the listener's warm-up gives way to packets between its slices, and ends", () => {
  const waiting: (() => void)[] = []
  warmUpHearing(50, (then) => waiting.push(then))
  let turns = 0
  for (let then = waiting.shift(); then !== undefined; then = waiting.shift()) {
    turns += 1
    then()
  }
  expect(turns).toBe(2)
})

test("every knock of the guard's warm-up goes all the way to the loaders and to its answer", async () => {
  expect(await warmUpSession(30)).toEqual({ opens: 30, answers: 30 })
})
