import { beforeEach, describe, expect, it } from "vitest"
import type { Capture } from "../../src/capture/pcap-source.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import { encodeRequest } from "../../src/knock/request.ts"
import { createScreen } from "../../src/knock/screen.ts"
import { sendAnswer } from "../../src/listener/answering.ts"
import { PacketPath, type ReturnPath } from "../../src/listener/packet-path.ts"
import type { FromListener } from "../../src/pipe/messages.ts"
import { decodeCarrier, type SegmentFrame } from "../../src/wire/carrier-frame.ts"
import { ethernetEcho } from "./echo-frames.ts"
import { ethernetSegment, type SegmentChanges } from "./tcp-segments.ts"

const keys = deriveKeys(new Uint8Array(16).fill(7))
const knock = (nonce: number): Uint8Array =>
  encodeRequest(keys, {
    ...{ verb: "reset", oneWay: false, hard: false, clientTimeMs: 1_700_000_000_000, challenge: undefined },
    nonce: new Uint8Array(16).fill(nonce),
  })
const established = { flags: 0x18, acknowledgment: 5000 }

let sent: Extract<FromListener, { type: "knock" }>[]
let now: number
let packetPath: PacketPath

beforeEach(() => {
  sent = []
  now = 1000
  packetPath = new PacketPath({
    screen: createScreen([{ ...keys }]),
    takesCanary: () => false,
    holdsPlainText: (data) => Buffer.from(data).includes("reset-iptables"),
    isLocal: (address) => address === "192.0.2.1",
    isAllowed: (address) => address !== "192.0.2.66",
    tcpPorts: [22, 2222],
    nowMs: () => now,
    counts: (device) => device === "any",
    send: (message) => {
      if (message.type === "knock") sent.push(message)
      return true
    },
  })
})

const hear = (data: Uint8Array, changes: SegmentChanges = {}, device = "any"): void =>
  packetPath.hear(ethernetSegment(data, changes), device, "ethernet")
const ways = (): string[] => sent.map(({ carrier, port, flow }) => `${carrier} ${port} ${flow}`)

describe("PacketPath, over TCP", () => {
  it("forwards a SYN, the segment of the connection it became, and an echo request, each in a turn of its own", () => {
    hear(knock(1))
    hear(knock(1), { ...established, sequence: 1001 })
    packetPath.hear(ethernetEcho(knock(1)), "any", "ethernet")
    hear(knock(1), { sourcePort: 40_001, port: 2222 })
    expect(ways()).toEqual(["syn 22 first", "established 22 first", "echo 0 first"])
    now += 20
    // A copy is a socket of its own: another port is the same sender, another address is not.
    hear(knock(1), { sourcePort: 40_001, port: 2222 })
    hear(knock(1), { source: "198.51.100.1" })
    expect(ways().slice(3)).toEqual(["syn 2222 first", "syn 22 other"])
  })

  it("is silent about everything else, and counts it by reason", () => {
    hear(knock(1), { port: 23 })
    hear(knock(1), { flags: 0x12 })
    hear(knock(1), { source: "192.0.2.66" })
    hear(knock(1), { destination: "192.0.2.9" })
    hear(knock(1).subarray(1))
    hear(new TextEncoder().encode("reset-iptables"))
    expect(sent).toEqual([])
    expect(packetPath.rejected()).toEqual({
      "tcp/other-port": 1,
      "tcp/other-flags": 1,
      "screen/source-not-allowed": 1,
      "screen/not-for-this-host": 1,
      "screen/length": 2,
    })
  })

  it("takes the return path from the very packet that was forwarded", () => {
    hear(knock(1))
    hear(knock(1), { sourcePort: 40_001 }, "eth1")
    expect(packetPath.pathOf(1)?.device).toBe("any")
    hear(knock(1), {}, "eth0")
    expect(packetPath.pathOf(1)?.device).toBe("eth0")
  })
})

describe("sendAnswer", () => {
  const answer = Uint8Array.from({ length: 128 }, (_, at) => at)
  const injected: SegmentFrame[] = []
  const bySocket: { source: string; destination: string; device?: string; packet: Uint8Array }[] = []
  let refuses = false
  const capture = {
    inject: (frame: Uint8Array) => {
      const decoded = decodeCarrier(frame, "ethernet")
      if (refuses || !decoded.ok || !("segment" in decoded.value)) return "refused"
      injected.push(decoded.value)
      return undefined
    },
  } as Capture
  const give = (data: Uint8Array): void =>
    sendAnswer(packetPath.pathOf(1) as ReturnPath, data, {
      captures: new Map([["eth0", capture]]),
      sockets: {
        reply: async () => undefined,
        send: async (packet) => {
          bySocket.push(packet)
          return undefined
        },
      },
    })
  beforeEach(() => {
    injected.length = 0
    bySocket.length = 0
    refuses = false
  })
  const numbers = (): number[][] =>
    injected.map(({ segment }) => [
      segment.sequence,
      segment.acknowledgment,
      segment.flags,
      segment.data.length,
    ])

  it("answers a SYN by a SYN-ACK that begins with the answer's MAC, and once more behind it", () => {
    hear(knock(1), {}, "eth0")
    give(answer)
    give(Uint8Array.from(answer, (byte) => 255 - byte))
    expect(numbers()).toEqual([
      [0x60616263, 1129, 0x12, 128],
      [0x60616263 + 129, 1129, 0x18, 128],
    ])
    expect(injected[0]?.segment.data).toEqual(answer)
  })

  it("answers in a connection three times in a row, and once more behind it", () => {
    hear(knock(1), { ...established, sequence: 1001 }, "eth0")
    give(answer)
    give(answer)
    expect(numbers()).toEqual([
      [5000, 1129, 0x18, 384],
      [5384, 1129, 0x18, 384],
    ])
    expect(Buffer.from(injected[0]?.segment.data ?? [])).toEqual(Buffer.concat([answer, answer, answer]))
  })

  it("goes through a socket where nothing can be injected, and says where it was", () => {
    hear(knock(1))
    give(answer)
    hear(knock(1), {}, "eth0") // it is known by now where the second can be injected
    give(answer)
    expect(bySocket).toMatchObject([{ source: "192.0.2.1", destination: "192.0.2.2" }])
    expect(bySocket[0]).not.toHaveProperty("device")
    expect(numbers()).toEqual([[0x60616263 + 129, 1129, 0x18, 128]])
    refuses = true
    give(answer)
    expect(bySocket[1]).toMatchObject({ device: "eth0" })
  })
})
