import { Writable } from "node:stream"
import { describe, expect, it } from "vitest"
import { LineWriter } from "../../src/pipe/line-writer.ts"
import { toLine } from "../../src/pipe/messages.ts"

/** Takes writes as they come, or, closed, none at all. */
class Sink extends Writable {
  readonly writes: string[] = []
  open = true
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk.toString())
    if (this.open) done()
  }
  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.writes.push(chunks.map(({ chunk }) => chunk.toString()).join(""))
    if (this.open) done()
  }
}

const ping = (sequence: number) => ({ type: "ping", sequence }) as const
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, at) => toLine(ping(from + at))).join("")

describe("LineWriter", () => {
  it("writes the first message of a turn at once, and all others of it together", async () => {
    const sink = new Sink()
    const writer = new LineWriter(sink)
    for (let sequence = 1; sequence <= 5; sequence += 1) expect(writer.send(ping(sequence))).toBe(true)
    expect(sink.writes).toEqual([lines(1, 1)])
    await turn()
    expect(sink.writes).toEqual([lines(1, 1), lines(2, 5)])
    writer.send(ping(6))
    expect(sink.writes.at(-1)).toBe(lines(6, 6))
  })

  it("keeps the other side waiting for 16 KB at most while a turn lasts", () => {
    const sink = new Sink()
    const writer = new LineWriter(sink)
    for (let sequence = 1; sequence <= 3000; sequence += 1) {
      writer.send(ping(sequence))
      expect(sink.writableLength).toBeLessThan(16 * 1024)
    }
    expect(sink.writes.length).toBeGreaterThan(3)
    expect(lines(1, 3000).startsWith(sink.writes.join(""))).toBe(true)
  })

  it("drops what comes while too much waits, and loses nothing of that", async () => {
    const sink = new Sink()
    sink.open = false
    const writer = new LineWriter(sink)
    let taken = 0
    while (writer.send(ping(taken + 1))) taken += 1
    expect(sink.writableLength).toBeGreaterThan(512 * 1024)
    expect(sink.writableLength).toBeLessThan(513 * 1024)
    await turn()
    expect(writer.send(ping(0))).toBe(false)
    expect(sink.writes).toEqual([lines(1, 1)])
  })

  it("sends nothing to an end that is closed", () => {
    const sink = new Sink()
    sink.end()
    expect(new LineWriter(sink).send(ping(1))).toBe(false)
  })
})
