import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LineReader } from "../../src/pipe/line-reader.ts"

const read = (chunks: Buffer[], limit: number): { lines: string[]; overlong: number } => {
  const lines: string[] = []
  const reader = new LineReader((line) => lines.push(line), limit)
  for (const chunk of chunks) reader.feed(chunk)
  return { lines, overlong: reader.overlong }
}

describe("LineReader", () => {
  it("gives the same lines however the stream is cut", () => {
    const anyLine = fc.stringMatching(/^[a-z]{0,30}$/)
    fc.assert(
      fc.property(
        fc.array(anyLine),
        fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 }),
        (lines, cuts) => {
          const stream = Buffer.from(lines.map((line) => `${line}\n`).join(""))
          const chunks: Buffer[] = []
          for (let at = 0, i = 0; at < stream.length; i += 1) {
            const length = cuts[i % cuts.length] ?? 1
            chunks.push(stream.subarray(at, at + length))
            at += length
          }
          const kept = lines.filter((line) => line !== "" && line.length <= 20)
          expect(read(chunks, 20)).toEqual({
            lines: kept,
            overlong: lines.filter((line) => line.length > 20).length,
          })
        },
      ),
    )
  })

  it("never holds more than one line's limit of a stream without line ends", () => {
    const lines: string[] = []
    const reader = new LineReader((line) => lines.push(line), 100)
    for (let i = 0; i < 1000; i += 1) reader.feed(Buffer.alloc(1000, "x"))
    reader.feed(Buffer.from("\nshort\n"))
    expect(lines).toEqual(["short"])
    expect(reader.overlong).toBe(1)
  })
})
