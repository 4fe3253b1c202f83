import { expect, it } from "vitest"
import { randomBytes } from "../../src/client/random.ts"

it("random bytes are as many as asked for, and others each time", () => {
  const drawn = Array.from({ length: 100 }, () => Buffer.from(randomBytes(16)).toString("hex"))
  expect(new Set(drawn).size).toBe(100)
  expect(drawn.every((text) => text.length === 32)).toBe(true)
})
