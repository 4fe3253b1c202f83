import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { sendAnswer } from "../../src/listener/answering.ts"
import { carriedBy } from "../../src/listener/carried.ts"
import { parseAddress } from "../../src/wire/address.ts"
import { decodeCarrier, type SegmentFrame } from "../../src/wire/carrier-frame.ts"
import { freshIpv4Header } from "../../src/wire/ipv4.ts"
import { freshIpv6Header } from "../../src/wire/ipv6.ts"
import { decodeSegment, protocolTcp } from "../../src/wire/tcp.ts"

/** The vectors of the second carrier: made by an implementation of its own, `generate.py`. */

const folder = fileURLToPath(new URL("../vectors/segment/", import.meta.url))
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"))
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll("\n", ""), "hex"))

interface Vector {
  readonly headers: ReadonlyMap<string, string>
  readonly frame: SegmentFrame
  /** Answer, its segment, a later answer, its segment. */
  readonly rest: readonly Uint8Array[]
}

function read(name: string): Vector {
  const [head = "", request = "", ...rest] = readFileSync(folder + name, "utf8").split("\n\n")
  const headers = new Map(head.split("\n").map((line) => line.split(": ") as [string, string]))
  const [source, destination] = ["source", "destination"].map((end) => parseAddress(headers.get(end) ?? ""))
  const segment = decodeSegment(bytesOf(request))
  if (source === undefined || destination === undefined || !segment.ok) throw new Error(name)
  const ip = (source.length === 4 ? freshIpv4Header : freshIpv6Header)(source, destination, protocolTcp)
  const link = { type: "raw", vlanTags: [], etherType: source.length === 4 ? 0x0800 : 0x86dd } as const
  const frame = { link, ip, segment: segment.value, trailer: new Uint8Array(0) }
  return { headers, frame, rest: rest.map(bytesOf) }
}

describe("the vectors of the second carrier", () => {
  it("are those that their generator makes", () => {
    expect(spawnSync("/usr/bin/python3", [`${folder}generate.py`, "--check"]).status).toBe(0)
    expect(names.length).toBe(11)
  })

  it.each(names)("%s", (name) => {
    const { headers, frame, rest } = read(name)
    const ports = headers.get("ports")?.split(" ").map(Number) ?? []
    const carried = carriedBy(frame, ports)
    const told = carried.ok ? "accept" : `reject ${carried.rejection.reason}`
    expect(told).toBe(headers.get("expect"))
    if (!carried.ok) return
    expect(carried.value.carrier).toBe(headers.get("carrier"))
    const packets: Uint8Array[] = []
    const path = { frame, device: "any", answered: { bytes: 0, initial: undefined } }
    const ways = {
      captures: new Map(),
      sockets: {
        reply: async () => undefined,
        send: async ({ packet }: { packet: Uint8Array }) => void packets.push(packet),
      },
    }
    for (const answer of [rest[0], rest[2]]) sendAnswer(path, answer as Uint8Array, ways)
    const header = frame.ip.version === 4 ? 20 : 40
    expect(packets.map((packet) => packet.slice(header))).toEqual([rest[1], rest[3]])
    for (const packet of packets) expect(decodeCarrier(packet, "raw").ok).toBe(true)
  })
})
