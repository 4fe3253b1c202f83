import { randomBytes } from "node:crypto"
import { describe, expect, it } from "vitest"
import type { KnockReport } from "../../src/client/knocker.ts"
import type { Verb } from "../../src/knock/verbs.ts"
import { Wire } from "./wire-in-memory.ts"

const secret = new Uint8Array(16).fill(1)
const knockOf = (verb: Verb, addresses: string[], other: Uint8Array = secret) => ({
  host: "web1",
  addresses,
  secret: other,
  verb,
  hard: false,
  oneWay: false,
})

async function run(wire: Wire, promise: Promise<KnockReport>, ms: number): Promise<KnockReport> {
  let report: KnockReport | undefined
  void promise.then((value) => {
    report = value
  })
  await wire.time.pass(ms)
  if (report === undefined) throw new Error(`still knocking after ${ms} ms`)
  return report
}

describe("a knock", () => {
  it("goes out at 0, 50, 150, 400 ms and then every 400, each with a sequence of its own, until the wait ends", async () => {
    const wire = new Wire()
    const report = await run(wire, wire.knocker.knock(knockOf("probe", ["192.0.2.1"]), 1900), 1900)
    expect(wire.packets.map((packet) => packet.atMs)).toEqual([0, 50, 150, 400, 800, 1200, 1600])
    expect(new Set(wire.packets.map((packet) => packet.sequence)).size).toBe(7)
    expect(new Set(wire.packets.map((packet) => packet.identifier)).size).toBe(1)
    expect(new Set(wire.packets.map((packet) => Buffer.from(packet.data).toString("hex"))).size).toBe(1)
    expect(report).toMatchObject({
      answer: undefined,
      final: false,
      packetsSent: 7,
      stage: "first",
      echoed: false,
    })
    await wire.time.pass(5000)
    expect(wire.packets).toHaveLength(7)
  })

  it("goes on behind the last sequence at the first", async () => {
    const wire = new Wire({ random: (length) => new Uint8Array(length).fill(0xff) })
    await run(wire, wire.knocker.knock(knockOf("probe", ["192.0.2.1"]), 100), 100)
    expect(wire.packets.map((packet) => packet.sequence)).toEqual([0xffff, 0])
  })

  it("that is challenged follows up at once and ends with the answer", async () => {
    const wire = new Wire()
    const acted = wire.serve(secret, () => ({ verdict: "opened" }), { delayMs: 10 })
    const report = await run(wire, wire.knocker.knock(knockOf("reset", ["192.0.2.1"]), 10_000), 45)
    expect(acted).toMatchObject([{ atMs: 30, oneWay: false }])
    expect(report).toMatchObject({
      final: true,
      stage: "follow-up",
      packetsSent: 2,
      roundTripMs: 40,
      address: "192.0.2.1",
      answer: { verdict: "opened" },
    })
  })

  it("acts once however long the way is, when copies overtake answers", async () => {
    const wire = new Wire()
    const acted = wire.serve(secret, () => ({ verdict: "opened" }), { delayMs: 150 })
    const report = await run(wire, wire.knocker.knock(knockOf("reset", ["192.0.2.1"]), 10_000), 1500)
    expect(report).toMatchObject({ final: true, answer: { verdict: "opened" } })
    expect(acted).toHaveLength(1)
  })

  it("goes to every address, and only to the proven one after an authentic answer", async () => {
    const wire = new Wire()
    wire.serve(secret, () => ({ verdict: "alive" }), { address: "192.0.2.1" })
    const both = ["2001:db8::99", "192.0.2.1"]
    const report = await run(wire, wire.knocker.knock(knockOf("probe", both), 10_000), 100)
    expect(wire.packets.map((packet) => packet.to)).toEqual([...both, "192.0.2.1"])
    expect(report).toMatchObject({ address: "192.0.2.1", packetsSent: 3 })
    expect(wire.opened.sort()).toEqual([4, 6])
  })

  it("believes an authentic answer from an address it did not knock at", async () => {
    const wire = new Wire()
    wire.serve(secret, () => ({ verdict: "alive" }), { answersFrom: "198.51.100.9" })
    const report = await run(wire, wire.knocker.knock(knockOf("probe", ["192.0.2.1"]), 10_000), 100)
    expect(report).toMatchObject({ final: true, address: "192.0.2.1" })
  })

  it("leaves out the address that cannot be reached from here, and a family that cannot be opened", async () => {
    const wire = new Wire()
    wire.serve(secret, () => ({ verdict: "alive" }))
    wire.kernel = (to) => (to.includes(":") ? "Network is unreachable" : undefined)
    const report = await run(
      wire,
      wire.knocker.knock(knockOf("probe", ["2001:db8::1", "192.0.2.1"]), 9000),
      100,
    )
    expect(report).toMatchObject({ final: true, sendFailures: ["2001:db8::1: Network is unreachable"] })

    const without = new Wire({ no6: true })
    without.serve(secret, () => ({ verdict: "alive" }))
    const four = await run(
      without,
      without.knocker.knock(knockOf("probe", ["2001:db8::1", "192.0.2.1"]), 9000),
      100,
    )
    expect(four).toMatchObject({ final: true, sendFailures: ["cannot send over IPv6"] })
    await expect(without.knocker.knock(knockOf("probe", ["2001:db8::1"]), 1000)).rejects.toMatchObject({
      code: "missing",
    })
  })

  it("goes on when the kernel has no room for a moment", async () => {
    const wire = new Wire()
    wire.serve(secret, () => ({ verdict: "alive" }))
    let refusals = 2
    wire.kernel = () => (refusals-- > 0 ? "Resource temporarily unavailable" : undefined)
    const report = await run(wire, wire.knocker.knock(knockOf("probe", ["192.0.2.1"]), 9000), 500)
    expect(report).toMatchObject({ final: true, packetsSent: 2 })
  })

  it("takes nothing for an answer but one: not the kernel's echo, not another secret's, not noise", async () => {
    const wire = new Wire()
    wire.serve(new Uint8Array(16).fill(2), () => ({ verdict: "opened" }))
    const deliver = wire.deliver
    wire.deliver = (packet) => {
      deliver(packet)
      wire.heard?.reply({ ...packet, address: packet.to })
      wire.heard?.reply({ ...packet, address: packet.to, data: randomBytes(128) })
      wire.heard?.reply({ ...packet, address: packet.to, data: new Uint8Array() })
    }
    const report = await run(wire, wire.knocker.knock(knockOf("reset", ["192.0.2.1"]), 1000), 1000)
    expect(report).toMatchObject({ answer: undefined, echoed: true, address: undefined })
  })

  it("with an unverified open waits three seconds more for the verified one, however often it is repeated", async () => {
    const wire = new Wire()
    wire.serve(secret, () => ({ verdict: "opened", verified: false }))
    const promise = wire.knocker.knock(knockOf("reset", ["192.0.2.1"]), 60_000)
    const report = await run(wire, promise, 3100)
    expect(report).toMatchObject({ final: false, answer: { verdict: "opened", verified: false } })
    expect(report.roundTripMs).toBeLessThan(30)
  })

  it("several at once share the sockets, and each gets its own answer", async () => {
    const wire = new Wire()
    const secrets = [3, 4, 5].map((byte) => new Uint8Array(16).fill(byte))
    const acted = secrets.map((own, index) =>
      wire.serve(own, () => ({ verdict: "opened", stillDropping: index }), {
        address: `192.0.2.${index + 1}`,
      }),
    )
    const all = Promise.all(
      secrets.map((own, index) => wire.knocker.knock(knockOf("reset", [`192.0.2.${index + 1}`], own), 9000)),
    )
    let reports: KnockReport[] = []
    void all.then((value) => {
      reports = value
    })
    await wire.time.pass(100)
    expect(reports.map((report) => report.answer?.stillDropping)).toEqual([0, 1, 2])
    expect(acted.map((list) => list.length)).toEqual([1, 1, 1])
    expect(wire.opened).toEqual([4])
    const sequences = wire.packets.map((packet) => packet.sequence)
    expect(new Set(sequences).size).toBe(sequences.length)
  })

  it("remembers what a router said about its own packets, and nothing about others", async () => {
    const wire = new Wire()
    wire.deliver = (packet) => {
      const message = { from: "192.0.2.254", identifier: packet.identifier, reason: "host unreachable" }
      wire.heard?.unreachable?.({ ...message, destination: "192.0.2.7", sequence: packet.sequence })
      wire.heard?.unreachable?.({ ...message, destination: "192.0.2.1", sequence: packet.sequence ^ 0x8000 })
    }
    const none = await run(wire, wire.knocker.knock(knockOf("probe", ["192.0.2.1"]), 100), 100)
    expect(none.unreachable).toBeUndefined()
    wire.deliver = ({ sequence, identifier, to }) =>
      wire.heard?.unreachable?.({
        from: "192.0.2.254",
        identifier,
        destination: to,
        sequence,
        reason: "no route",
      })
    const some = await run(wire, wire.knocker.knock(knockOf("probe", ["192.0.2.1"]), 100), 100)
    expect(some.unreachable).toMatchObject({ from: "192.0.2.254", reason: "no route" })
  })
})

describe("a bare text", () => {
  const text = new TextEncoder().encode("reset-iptables")

  it("goes out now, after 1 s, after 2.5 s, and on", async () => {
    const wire = new Wire()
    const sent = wire.knocker.sendPlain(["192.0.2.1"], text, 6000)
    await wire.time.pass(6000)
    expect(wire.packets.map((packet) => packet.atMs)).toEqual([0, 1000, 2500, 4000, 5500])
    expect(await sent).toMatchObject({ packetsSent: 5 })
  })

  it("goes out once even if it is enough before it began, and no more when it is enough", async () => {
    const wire = new Wire()
    const enough = new AbortController()
    enough.abort()
    const sent = wire.knocker.sendPlain(["192.0.2.1"], text, 6000, enough.signal)
    await wire.time.pass(10)
    expect(await sent).toMatchObject({ packetsSent: 1 })
    const later = new AbortController()
    const again = wire.knocker.sendPlain(["192.0.2.1"], text, 6000, later.signal)
    await wire.time.pass(1200)
    later.abort()
    await wire.time.pass(9000)
    expect(await again).toMatchObject({ packetsSent: 2 })
  })
})
