import fc from "fast-check"
import { expect, it } from "vitest"
import { MarkedLines } from "../../src/ssh/marked-lines.ts"

/** Feeds a text in pieces of these lengths. */
function take(text: string, lengths: readonly number[]): { lines: readonly string[]; passed: string } {
  let passed = ""
  const marked = new MarkedLines((bytes) => {
    passed += Buffer.from(bytes).toString("latin1")
  })
  let rest = Buffer.from(text, "latin1")
  for (const length of [...lengths, rest.length]) {
    marked.feed(rest.subarray(0, length))
    rest = rest.subarray(length)
  }
  return { lines: marked.lines, passed }
}

it("takes the lines for us out of a login's greetings and prompts, however they come in pieces", () => {
  const text = 'Welcome!\r\n[sudo] password for ada: \r\n\x1e{"event":"armed"}\r\nlast login\n\x1esecond\nend'
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 })), (lengths) => {
      expect(take(text, lengths)).toEqual({
        lines: ['{"event":"armed"}', "second"],
        passed: "Welcome!\r\n[sudo] password for ada: \r\nlast login\nend",
      })
    }),
  )
})

it("hands a prompt on before its line has an end, and no line before it has one", () => {
  expect(take("[sudo] password for ada: ", [])).toEqual({ lines: [], passed: "[sudo] password for ada: " })
  expect(take("\x1ecut off", [])).toEqual({ lines: [], passed: "" })
})
