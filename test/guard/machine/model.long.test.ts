import { expect, it } from "vitest"
import { histories } from "./histories.ts"

it("keeps its promises in 200 000 random histories", { timeout: 3_600_000 }, () => {
  expect(histories(200_000)).toEqual({ broken: [] })
})
