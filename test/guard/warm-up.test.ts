import { expect, test } from "vitest"
import { warmUpSession } from "../../src/guard/warm-up.ts"

test("every knock of the guard's warm-up goes all the way to the loaders and to its answer", async () => {
  expect(await warmUpSession(30)).toEqual({ opens: 30, answers: 30 })
})
