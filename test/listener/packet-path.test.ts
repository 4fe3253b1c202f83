import fc from "fast-check"
import { beforeEach, describe, expect, it } from "vitest"
import { deriveKeys } from "../../src/knock/keys.ts"
import { encodeRequest } from "../../src/knock/request.ts"
import { createScreen } from "../../src/knock/screen.ts"
import { PacketPath } from "../../src/listener/packet-path.ts"
import type { FromListener } from "../../src/pipe/messages.ts"
import type { Echo } from "../../src/wire/icmp.ts"
import { ethernetEcho as frameOf } from "./echo-frames.ts"

const keys = deriveKeys(new Uint8Array(16).fill(7))
const knock = (nonce: number): Uint8Array =>
  encodeRequest(keys, {
    verb: "reset",
    oneWay: false,
    hard: false,
    clientTimeMs: 1_700_000_000_000,
    nonce: new Uint8Array(16).fill(nonce),
    challenge: undefined,
  })

let sent: FromListener[]
let now: number
let pipeOpen: boolean
let packetPath: PacketPath

beforeEach(() => {
  sent = []
  now = 1000
  pipeOpen = true
  packetPath = new PacketPath({
    screen: createScreen([{ ...keys }]),
    takesCanary: (data) => data.length === 3,
    holdsPlainText: (data) => Buffer.from(data).includes("reset-iptables"),
    isLocal: (address) => address === "192.0.2.1",
    isAllowed: (address) => address !== "192.0.2.66",
    tcpPorts: [22],
    nowMs: () => now,
    counts: (device) => device === "any",
    send: (message) => {
      if (pipeOpen) sent.push(message)
      return pipeOpen
    },
  })
})

const echoAt = (ref: number): Echo | undefined => {
  const frame = packetPath.pathOf(ref)?.frame
  return frame !== undefined && "echo" in frame ? frame.echo : undefined
}
const hear = (bytes: Uint8Array, device = "any"): void => packetPath.hear(bytes, device, "ethernet")

describe("PacketPath", () => {
  it("forwards a knock to this host once, however many captures hear it", () => {
    hear(frameOf(knock(1)))
    hear(frameOf(knock(1)), "eth0")
    hear(frameOf(knock(1)), "br0")
    expect(sent).toEqual([
      {
        type: "knock",
        ref: 1,
        data: Buffer.from(knock(1)).toString("hex"),
        source: "192.0.2.2",
        destination: "192.0.2.1",
        device: "any",
        ...{ flow: "first", carrier: "echo", port: 0 },
      },
    ])
    expect(packetPath.rejected()).toEqual({})
  })

  it("remembers the first interface that can be injected on as the return path", () => {
    hear(frameOf(knock(1)))
    expect(packetPath.pathOf(1)?.device).toBe("any")
    hear(frameOf(knock(1)), "eth0")
    hear(frameOf(knock(1)), "br0")
    expect(packetPath.pathOf(1)?.device).toBe("eth0")
    expect(packetPath.pathOf(2)).toBeUndefined()
    expect(packetPath.pathOf(0)).toBeUndefined()
  })

  it("keeps its own copy of the frame: the capture overwrites its buffer", () => {
    const buffer = Uint8Array.from(frameOf(knock(1)))
    hear(buffer)
    buffer.fill(0)
    expect(packetPath.pathOf(1)?.frame.ip.source).toBe("192.0.2.2")
    expect(Array.from(echoAt(1)?.data ?? [])).toEqual(Array.from(knock(1)))
  })

  it("forwards a retransmission when 20 ms have passed, each with a return path of its own", () => {
    hear(frameOf(knock(1), { sequence: 1 }))
    now += 19
    hear(frameOf(knock(1), { sequence: 2 }))
    expect(sent).toHaveLength(1)
    now += 1
    hear(frameOf(knock(1), { sequence: 3 }))
    expect(sent).toHaveLength(2)
    expect(echoAt(2)?.sequence).toBe(3)
  })

  it("forwards the copies of one flow more and more slowly, and as fast as a client sends them", () => {
    const forwardedAt = (times: readonly number[]): number[] =>
      times.filter((time) => {
        now = 1000 + time
        const before = sent.length
        hear(frameOf(knock(1)))
        return sent.length > before
      })
    const client = [0, 50, 150, 400, 800, 1200, 1600, 2000]
    expect(forwardedAt(client)).toEqual(client)
    const replay = Array.from({ length: 5000 }, (_, at) => 10_000 + at)
    expect(forwardedAt(replay).slice(0, 8)).toEqual(
      [0, 20, 60, 140, 300, 620, 940, 1260].map((at) => 10_000 + at),
    )
    expect(forwardedAt([20_000, 20_020])).toEqual([20_000, 20_020])
  })

  it("has one turn for who came first and one for all others, whatever they change", () => {
    const tail = knock(1)
    tail[127] = (tail[127] ?? 0) ^ 1
    hear(frameOf(knock(1)))
    now += 10
    hear(frameOf(knock(1), { source: "198.51.100.1" }))
    now += 5
    hear(frameOf(knock(1), { source: "198.51.100.2" }))
    hear(frameOf(knock(1), { identifier: 9 }))
    hear(frameOf(knock(1), { sender: 9 }))
    hear(frameOf(tail))
    expect(sent.map((message) => message.type === "knock" && message.flow)).toEqual(["first", "other"])
    now += 5
    hear(frameOf(knock(1)))
    expect(sent).toHaveLength(3)
    expect(sent[2]).toMatchObject({ source: "192.0.2.2", flow: "first" })
  })

  it("completes the return path with a frame of the same flow only", () => {
    hear(frameOf(knock(1)))
    hear(frameOf(knock(1), { identifier: 9 }), "eth1")
    expect(packetPath.pathOf(1)?.device).toBe("any")
    const forged = knock(1)
    forged[30] = (forged[30] ?? 0) ^ 1 // its screen MAC is known and does not fit
    hear(frameOf(forged), "eth1")
    expect(packetPath.pathOf(1)?.device).toBe("any")
    hear(frameOf(knock(1)), "eth0")
    expect(packetPath.pathOf(1)?.device).toBe("eth0")
  })

  it("counts what nobody has time to look at", () => {
    packetPath.skip("any")
    packetPath.skip("eth0")
    expect(packetPath.rejected()).toEqual({ "screen/overload": 1 })
    expect(packetPath.heard).toBe(1)
  })

  it("is silent about everything else, and counts it by reason", () => {
    hear(frameOf(knock(1), { kind: "reply" }))
    hear(frameOf(knock(1), { destination: "192.0.2.9" }))
    hear(frameOf(knock(1), { source: "192.0.2.66" }))
    hear(frameOf(knock(1).subarray(1)))
    const bent = knock(1)
    bent[40] = (bent[40] ?? 0) ^ 1
    hear(frameOf(bent))
    hear(new Uint8Array(5))
    expect(sent).toEqual([])
    expect(packetPath.rejected()).toMatchObject({
      "icmp/not-a-request": 1,
      "screen/not-for-this-host": 1,
      "screen/source-not-allowed": 1,
      "screen/length": 1,
      "screen/screen-mac": 1,
    })
    expect(packetPath.heard).toBe(6)
  })

  it("takes one plain packet for one event, and only to this host", () => {
    const text = new TextEncoder().encode("xx reset-iptables")
    hear(frameOf(text, { sequence: 1 }))
    hear(frameOf(text, { sequence: 1 }), "eth0")
    hear(frameOf(text, { kind: "reply", sequence: 1 }))
    hear(frameOf(text, { destination: "192.0.2.9", sequence: 2 }))
    expect(sent).toEqual([{ type: "plain", source: "192.0.2.2", destination: "192.0.2.1", device: "any" }])
    now += 100
    hear(frameOf(text, { sequence: 3 }))
    expect(sent).toHaveLength(2)
  })

  it("hands on ten plain packets a second, so that a flood of them leaves room for knocks", () => {
    const text = new TextEncoder().encode("xx reset-iptables")
    for (let sequence = 0; sequence < 2000; sequence += 1) {
      hear(frameOf(text, { sequence }))
      now += 1
    }
    expect(sent).toHaveLength(20)
    expect(packetPath.rejected()).toEqual({ "plain/too-soon": 1980 })
  })

  it("drops a knock when the pipe is full, says so in the counts, and takes its retransmission", () => {
    pipeOpen = false
    hear(frameOf(knock(1)))
    expect(packetPath.rejected()).toEqual({ "screen/pipe-full": 1 })
    pipeOpen = true
    hear(frameOf(knock(1)))
    expect(sent).toHaveLength(1)
  })

  it("never throws on any bytes of any link type", () => {
    const link = fc.constantFrom("ethernet", "linux-sll", "linux-sll2", "raw", "null" as const)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), link, (bytes, linkType) => {
        packetPath.hear(bytes, "any", linkType as "raw")
      }),
    )
    expect(sent).toEqual([])
  })

  it("forgets the oldest ways back instead of growing", () => {
    for (let i = 0; i < 5000; i += 1) {
      const request = encodeRequest(keys, {
        verb: "probe",
        oneWay: false,
        hard: false,
        clientTimeMs: i,
        nonce: new Uint8Array(16),
        challenge: undefined,
      })
      hear(frameOf(request))
    }
    expect(sent).toHaveLength(5000)
    expect(packetPath.pathOf(1)).toBeUndefined()
    expect(packetPath.pathOf(5000)).toBeDefined()
  })
})
