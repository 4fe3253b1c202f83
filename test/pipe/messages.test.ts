import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { maxLineBytes } from "../../src/pipe/line-reader.ts"
import {
  type FromListener,
  fittingReady,
  parseFromListener,
  parseToListener,
  type ToListener,
  toLine,
} from "../../src/pipe/messages.ts"

const hex = (bytes: number): string => "5a".repeat(bytes)
const fromListener: FromListener[] = [
  { type: "ready", devices: ["any", "eth0"], filter: "icmp", notes: [] },
  {
    type: "knock",
    ref: 7,
    data: hex(128),
    source: "2001:db8::2",
    destination: "2001:db8::1",
    device: "any",
    ...{ flow: "other", carrier: "established", port: 22 },
  },
  { type: "plain", source: "192.0.2.2", destination: "192.0.2.1", device: "eth0" },
  { type: "counts", heard: 3, missed: 0, rejected: { "screen/tag": 2 } },
  { type: "pong", sequence: 9 },
  { type: "outdated", why: "eth1 is new" },
  { type: "canary", is: "sent" },
  { type: "canary", is: "heard" },
  { type: "fault", code: "permission", message: "cannot capture", hint: "" },
]
const toListener: ToListener[] = [
  {
    type: "configure",
    devices: [],
    from: ["192.0.2.0/24"],
    plain: "",
    tcpPorts: [22, 2222],
    uid: 65534,
    gid: 65534,
  },
  { type: "key", id: hex(8), tag: hex(8), screenKey: hex(32) },
  { type: "start" },
  { type: "answer", ref: 7, data: hex(128) },
  { type: "ping", sequence: 9 },
]

describe("the pipe between listener and guard", () => {
  it("reads back every message it writes, in lines that fit", () => {
    for (const message of fromListener) {
      expect(parseFromListener(toLine(message).trimEnd())).toEqual(message)
      expect(Buffer.byteLength(toLine(message))).toBeLessThanOrEqual(maxLineBytes)
    }
    for (const message of toListener) expect(parseToListener(toLine(message).trimEnd())).toEqual(message)
  })

  it("says it is ready in a line that fits, whatever the host", () => {
    const few = { type: "ready", devices: ["any"], filter: "icmp", notes: ["x"] } as const
    expect(fittingReady(few)).toEqual(few)
    const names = (name: string): string[] => Array.from({ length: 65 }, (_, i) => `${name}${i}`)
    for (const name of ["veth0123456_", "\u0001\u0002\u0003\u0004\u0005\u0006\u0007_"])
      for (const filter of ["icmp", "x".repeat(20_000)])
        for (const notes of [[], Array(4).fill("n".repeat(200))]) {
          const line = toLine(fittingReady({ type: "ready", devices: names(name), filter, notes }))
          expect(Buffer.byteLength(line)).toBeLessThanOrEqual(maxLineBytes)
          expect(parseFromListener(line)).toMatchObject({ type: "ready" })
        }
  })

  it("takes counts of reasons only, not of what every object has", () => {
    const counts = (reason: string): unknown =>
      parseFromListener(`{"type":"counts","heard":1,"missed":0,"rejected":{${JSON.stringify(reason)}:1}}`)
    expect(counts("screen/tag")).toBeDefined()
    for (const name of ["constructor", "__proto__", "toString", "", "a/", "/b", "a/b c", "a/\u001b[2J"])
      expect(counts(name)).toBeUndefined()
  })

  it("takes no message of the other direction, and none that lacks or bends a field", () => {
    for (const message of toListener) expect(parseFromListener(toLine(message))).toBeUndefined()
    for (const message of fromListener) {
      expect(parseToListener(toLine(message))).toBeUndefined()
      for (const field of Object.keys(message)) {
        expect(parseFromListener(JSON.stringify({ ...message, [field]: undefined }))).toBeUndefined()
        expect(parseFromListener(JSON.stringify({ ...message, [field]: { x: "y" } }))).toBeUndefined()
      }
    }
    const knock = {
      type: "knock",
      ref: 1,
      data: hex(128),
      source: "a",
      destination: "b",
      device: "c",
      ...{ flow: "first", carrier: "syn", port: 22 },
    }
    for (const data of [hex(127), hex(129), `${hex(127)}zz`, hex(128).toUpperCase()])
      expect(parseFromListener(JSON.stringify({ ...knock, data }))).toBeUndefined()
    for (const ref of [-1, 1.5, 2 ** 60, "1"])
      expect(parseFromListener(JSON.stringify({ ...knock, ref }))).toBeUndefined()
  })

  it("keeps only the fields it knows", () => {
    const parsed = parseFromListener('{"type":"pong","sequence":1,"__proto__":{"x":1},"more":2}')
    expect(parsed).toEqual({ type: "pong", sequence: 1 })
  })

  it("never throws on any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseFromListener(text)
        parseToListener(text)
      }),
      { numRuns: 2000 },
    )
  })
})
