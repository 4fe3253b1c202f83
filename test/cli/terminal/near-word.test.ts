import { expect, it } from "vitest"
import { nearWord } from "../../../src/cli/terminal/near-word.ts"

const words = ["status", "disarm", "undo", "check", "resume", "extend", "reset", "remember", "arm"]

it.each([
  ["stauts", "status"],
  ["staus", "status"],
  ["statuss", "status"],
  ["stat", "status"],
  ["unod", "undo"],
  ["rset", "reset"],
  ["dis", "disarm"],
  ["ram", "arm"],
  ["re", undefined],
  ["rem", "remember"],
  ["x", undefined],
  ["", undefined],
  ["bananas", undefined],
])("%s is near %s", (typed, word) => {
  expect(nearWord(typed, words)).toBe(word)
})

it("of two that are as near names none", () => {
  expect(nearWord("bat", ["cat", "rat"])).toBeUndefined()
})
