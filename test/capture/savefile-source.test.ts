import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseSavefile } from "../../src/capture/savefile-source.ts"
import { Fault } from "../../src/errors.ts"

const captured = (name: string): Buffer => readFileSync(new URL(`../captures/${name}`, import.meta.url))

function refusal(bytes: Uint8Array): Fault {
  try {
    parseSavefile(bytes, "a.pcap")
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
  throw new Error("it was read")
}

describe("parseSavefile", () => {
  it.each(["order-big.pcap", "order-big-nanoseconds.pcap", "order-little-nanoseconds.pcap"])(
    "reads %s: the same packets and times in every form of the format",
    (name) => {
      const { linkType, frames } = parseSavefile(captured(name), name)
      expect(linkType).toBe("raw")
      expect(frames.map((frame) => frame.timeMs)).toEqual([1_700_000_000_250, 1_700_000_001_250])
      const little = parseSavefile(captured("raw.pcap"), "raw.pcap").frames.slice(0, 2)
      expect(frames.map((frame) => frame.bytes)).toEqual(little.map((frame) => frame.bytes))
    },
  )

  it.each([
    ["ethernet.pcap", "ethernet"],
    ["vlan.pcap", "ethernet"],
    ["sll.pcap", "linux-sll"],
    ["sll2.pcap", "linux-sll2"],
    ["raw.pcap", "raw"],
    ["null.pcap", "null"],
  ])("knows the link type of %s", (name, linkType) => {
    expect(parseSavefile(captured(name), name).linkType).toBe(linkType)
  })

  it("tells what was captured from what was on the wire", () => {
    const { frames } = parseSavefile(captured("ipv4.pcap"), "ipv4.pcap")
    const cut = frames.filter((frame) => frame.originalLength !== frame.capturedLength)
    expect(cut.map(({ capturedLength, originalLength }) => [capturedLength, originalLength])).toEqual([
      [100, 156],
      [19, 156],
    ])
    expect(cut.map((frame) => frame.bytes.length)).toEqual([100, 19])
  })

  it("reads a file without packets", () => {
    expect(parseSavefile(captured("raw.pcap").subarray(0, 24), "a.pcap").frames).toEqual([])
  })

  it("refuses a file that ends anywhere but between two packets", () => {
    const whole = captured("raw.pcap")
    const ends = new Set([24])
    for (const frame of parseSavefile(whole, "raw.pcap").frames)
      ends.add(frame.bytes.byteOffset - whole.byteOffset + frame.capturedLength)
    for (let length = 0; length < whole.length; length += 1)
      if (!ends.has(length)) expect(refusal(whole.subarray(0, length)).code).toBe("configuration")
    expect(ends.has(whole.length)).toBe(true)
  })

  it("says what is wrong with a file, and what to do about pcapng", () => {
    const head = (at: number, byte: number): Uint8Array => {
      const bytes = Uint8Array.from(captured("raw.pcap"))
      bytes[at] = byte
      return bytes
    }
    expect(refusal(Buffer.from("0a0d0d0a1c000000", "hex")).hint).toContain("editcap")
    expect(refusal(Buffer.from("not a capture")).message).toContain("0x6e6f7420")
    expect(refusal(head(4, 3)).message).toContain("3.4")
    expect(refusal(head(20, 147)).message).toContain("147")
    expect(refusal(head(24 + 8 + 3, 0xff)).message).toContain("packet 1") // 4 GB captured
  })

  it("reads or refuses any bytes behind a good header, and nothing else", () => {
    const header = captured("raw.pcap").subarray(0, 24)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (body) => {
        try {
          parseSavefile(Uint8Array.from([...header, ...body]), "a.pcap")
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
