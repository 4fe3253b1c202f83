import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SentPackets } from "../../src/client/sent-packets.ts"

const request = (mac: number): Uint8Array => new Uint8Array(128).fill(mac, 96)
const answerTo = (mac: number) => ({
  address: "192.0.2.1",
  identifier: 0,
  sequence: 9,
  data: new Uint8Array(128).fill(mac, 64, 96),
})

describe("packets that were sent", () => {
  it("are found by the request MAC of an answer, and by their sequence", () => {
    const packets = new SentPackets<string>(65_535)
    expect(packets.sent("web1", request(1))).toBe(65_535)
    expect(packets.sent("web2", request(2))).toBe(0)
    expect(packets.sent("web1", new Uint8Array(14))).toBe(1)
    const senders = (reply: Parameters<typeof packets.answers>[0]) =>
      packets.answers(reply).map(({ sender }) => sender)
    expect(senders(answerTo(1))).toEqual(["web1"])
    expect(senders(answerTo(2))).toEqual(["web2"])
    expect(senders(answerTo(3))).toEqual([])
    const { data } = answerTo(1)
    expect(senders({ data: data.subarray(1) })).toEqual([])
    expect(senders({ data: Buffer.concat([data, data]) })).toEqual([])
    const said = Buffer.concat([Buffer.from("SSH-2.0-x\r\n"), data.subarray(0, 90), data, answerTo(2).data])
    expect(senders({ port: 22, data: said })).toEqual(["web1", "web2"])
    expect(packets.answers({ port: 22, data: said })[0]?.data).toEqual(Buffer.from(data))
    expect([65_535, 0, 1, 2].map((sequence) => packets.numbered({ sequence }))).toEqual([
      "web1",
      "web2",
      "web1",
      undefined,
    ])
  })

  it("are not found once their sender is forgotten", () => {
    const packets = new SentPackets<string>(0)
    packets.sent("web1", request(1))
    packets.sent("web2", request(2))
    packets.forget("web1")
    packets.forget("nobody")
    expect(packets.answers(answerTo(1))).toEqual([])
    expect(packets.numbered({ sequence: 0 })).toBeUndefined()
    expect(packets.answers(answerTo(2))).toMatchObject([{ sender: "web2" }])
  })

  it("of more than there are sequences belong to who sent last", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), fc.integer({ min: 1, max: 300 }), (first, more) => {
        const packets = new SentPackets<number>(first)
        for (let sent = 0; sent < 65_536 + more; sent += 1) packets.sent(sent, new Uint8Array())
        const last = (first + more - 1) % 65_536
        expect(packets.numbered({ sequence: last })).toBe(65_536 + more - 1)
        // A late end of the earlier one takes nothing away from the later.
        packets.forget(more - 1)
        expect(packets.numbered({ sequence: last })).toBe(65_536 + more - 1)
      }),
      { numRuns: 5 },
    )
  })
})
