import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { parseSavefile } from "../../src/capture/savefile-source.ts"
import { decodeArp, encodeArpReply } from "../../src/wire/arp.ts"
import { answerFrame, encodeSegmentFrame, type SegmentFrame } from "../../src/wire/carrier-frame.ts"
import { decodeFrame, replyFrame } from "../../src/wire/frame.ts"
import { freshIpv4Header } from "../../src/wire/ipv4.ts"
import { freshIpv6Header } from "../../src/wire/ipv6.ts"
import type { LinkHeader } from "../../src/wire/link/link.ts"
import { decodeNeighbour, encodeAdvertisement } from "../../src/wire/neighbour-discovery.ts"
import { protocolTcp, timestampsOption } from "../../src/wire/tcp.ts"
import { savefile } from "./savefile.ts"

// What is made here has to be well formed in the eyes of somebody else.

const tsharkMissing = spawnSync("tshark", ["--version"]).status === 0 ? undefined : "tshark is not installed"
if (tsharkMissing) process.stderr.write(`skipped: wire/tshark: ${tsharkMissing}\n`)

const linkNumbers = { ethernet: 1, raw: 101, null: 0 }
const folder = mkdtempSync(join(tmpdir(), "fw-tshark-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** One object a frame: each field's values, outermost first, joined by commas. */
function dissect(
  linkNumber: number,
  frames: readonly Uint8Array[],
  fields: readonly string[],
): Record<string, string>[] {
  const file = join(folder, "frames.pcap")
  writeFileSync(file, savefile(linkNumber, frames))
  const wanted = [...fields, "_ws.malformed", "_ws.expert.severity"]
  const args = [
    "-n",
    "-r",
    file,
    "-o",
    "ip.check_checksum:TRUE",
    "-o",
    "tcp.check_checksum:TRUE",
    "-T",
    "fields",
    ...wanted.flatMap((f) => ["-e", f]),
  ]
  const output = execFileSync("tshark", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
  return output
    .split("\n")
    .slice(0, -1)
    .map((line) => Object.fromEntries(line.split("\t").map((value, index) => [wanted[index], value])))
}

/** What every frame has to be: nothing malformed, nothing that tshark calls a note (0x200000) or worse. */
function expectWellFormed(row: Record<string, string>): void {
  expect(row["_ws.malformed"]).toBe("")
  for (const severity of (row["_ws.expert.severity"] ?? "").split(",").filter(Boolean))
    expect(Number(severity)).toBeLessThan(0x20_0000)
}

describe.skipIf(tsharkMissing)("tshark", () => {
  const good = "1"

  it.each(["ethernet.pcap", "vlan.pcap", "ipv4.pcap", "ipv6.pcap", "null.pcap"])(
    "finds the replies to %s well formed, with right checksums",
    (name) => {
      const bytes = readFileSync(new URL(`../captures/${name}`, import.meta.url))
      const { linkType, frames } = parseSavefile(bytes, name)
      const pairs = frames.flatMap((frame) => {
        const request = decodeFrame(frame.bytes, linkType)
        if (!request.ok) return []
        const reply = replyFrame(request.value, new Uint8Array(128).fill(0xa5))
        return reply.ok ? [{ request: request.value, reply: reply.value }] : []
      })
      expect(pairs.length).toBeGreaterThan(4)
      const fields =
        "ip.src ip.dst ip.checksum.status ipv6.src ipv6.dst vlan.id ieee8021ad.id frame.len".split(" ")
      for (const icmp of ["icmp", "icmpv6"])
        fields.push(`${icmp}.type`, `${icmp}.code`, `${icmp}.checksum.status`)
      fields.push(
        "icmp.ident",
        "icmp.seq",
        "icmpv6.echo.identifier",
        "icmpv6.echo.sequence_number",
        "data.len",
      )
      const rows = dissect(
        linkNumbers[linkType as keyof typeof linkNumbers],
        pairs.map(({ reply }) => reply),
        fields,
      )
      expect(rows.length).toBe(pairs.length)
      for (const [index, row] of rows.entries()) {
        const { ip, echo, link } = (pairs[index] as (typeof pairs)[number]).request
        expectWellFormed(row)
        const v4 = ip.version === 4
        expect(row[v4 ? "ip.src" : "ipv6.src"]).toBe(ip.destination)
        expect(row[v4 ? "ip.dst" : "ipv6.dst"]).toBe(ip.source)
        if (v4) expect(row["ip.checksum.status"]).toBe(good)
        expect(row[v4 ? "icmp.type" : "icmpv6.type"]).toBe(v4 ? "0" : "129")
        expect(row[v4 ? "icmp.code" : "icmpv6.code"]).toBe("0")
        expect(row[v4 ? "icmp.checksum.status" : "icmpv6.checksum.status"]).toBe(good)
        expect(Number((row[v4 ? "icmp.ident" : "icmpv6.echo.identifier"] ?? "").split(",")[0])).toBe(
          echo.identifier,
        )
        expect(Number((row[v4 ? "icmp.seq" : "icmpv6.echo.sequence_number"] ?? "").split(",")[0])).toBe(
          echo.sequence,
        )
        expect(row["data.len"]).toBe("128")
        const ids = [row["ieee8021ad.id"], row["vlan.id"]].filter(Boolean).join(",")
        expect(ids).toBe(link.vlanTags.map((tag) => tag.tci & 0xfff).join(","))
      }
    },
  )

  it("finds the answers to TCP segments well formed, with the numbers that they should have", () => {
    const data = new Uint8Array(128).fill(0x5a)
    const heard = (version: 4 | 6, flags: number, vlanTags: LinkHeader["vlanTags"]): SegmentFrame => {
      const source = new Uint8Array(version === 4 ? 4 : 16).fill(0x20)
      const destination = new Uint8Array(source.length).fill(0x21)
      const from = Uint8Array.of(2, 0, 0, 0, 0, 2)
      return {
        link: {
          ...{ type: "ethernet", destination: Uint8Array.of(2, 0, 0, 0, 0, 1), source: from, vlanTags },
          etherType: version === 4 ? 0x0800 : 0x86dd,
        },
        ip: (version === 4 ? freshIpv4Header : freshIpv6Header)(source, destination, protocolTcp),
        segment: {
          ...{ sourcePort: 50_000, destinationPort: 22, sequence: 1000, acknowledgment: 2000, flags },
          ...{ window: 1, checksum: undefined, urgentPointer: 0, data },
          options: flags === 2 ? new Uint8Array(0) : timestampsOption({ value: 7, echo: 8 }),
        },
        trailer: new Uint8Array(0),
      }
    }
    const tag = [{ protocol: 0x8100 as const, tci: 42 }]
    const requests = [heard(4, 2, []), heard(6, 2, tag), heard(4, 0x18, tag), heard(6, 0x18, [])]
    const frames = requests.flatMap((frame) =>
      [0, 128].map((before) => {
        const made = answerFrame(frame, data, { before, initial: 3000 })
        if (!made.ok) throw new Error(made.rejection.reason)
        return made.value
      }),
    )
    const fields =
      "tcp.checksum.status tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.flags tcp.len".split(" ")
    const rows = dissect(
      1,
      [...requests.map(encodeSegmentFrame), ...frames],
      [...fields, "vlan.id", "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr"],
    )
    for (const row of rows) expect(row["_ws.malformed"]).toBe("")
    for (const row of rows) expect(row["tcp.checksum.status"]).toBe(good)
    const numbers = rows.slice(4).map((row) => fields.slice(1).map((field) => Number(row[field])))
    const toSyn = [
      [22, 50_000, 3000, 1129, 0x12, 128],
      [22, 50_000, 3129, 1129, 0x18, 128],
    ]
    const inside = [
      [22, 50_000, 2000, 1128, 0x18, 128],
      [22, 50_000, 2128, 1128, 0x18, 128],
    ]
    expect(numbers).toEqual([...toSyn, ...toSyn, ...inside, ...inside])
    expect(rows.slice(4).map((row) => row["vlan.id"])).toEqual(["", "", "42", "42", "42", "42", "", ""])
    for (const row of rows.slice(8))
      expect([row["tcp.options.timestamp.tsval"], row["tcp.options.timestamp.tsecr"]]).toEqual([
        "1048584",
        "7",
      ])
  })

  it("finds the replies of ARP and neighbour discovery well formed, tagged too", () => {
    const own = Uint8Array.of(2, 0, 0, 0, 0, 1)
    const bytes = readFileSync(new URL("../captures/neighbours.pcap", import.meta.url))
    const answers = parseSavefile(bytes, "neighbours.pcap").frames.map((frame) => {
      const arp = decodeArp(frame.bytes)
      if (arp.ok) return encodeArpReply(arp.value, own)
      const asked = decodeNeighbour(frame.bytes)
      if (!asked.ok) throw new Error(`${asked.rejection.stage}/${asked.rejection.reason}`)
      return encodeAdvertisement(asked.value, { own, router: false })
    })
    const fields = ["eth.dst", "eth.src", "vlan.id", "arp.opcode", "arp.src.proto_ipv4", "arp.src.hw_mac"]
    fields.push("arp.dst.proto_ipv4", "arp.dst.hw_mac", "ipv6.hlim", "ipv6.dst", "icmpv6.type")
    fields.push("icmpv6.checksum.status", "icmpv6.nd.na.target_address", "icmpv6.nd.na.flag.s")
    fields.push("icmpv6.nd.na.flag.o", "icmpv6.nd.na.flag.r", "icmpv6.opt.target_linkaddr")
    const rows = dissect(1, answers, fields)
    for (const row of rows) expectWellFormed(row)
    const ours = "02:00:00:00:00:01"
    const theirs = "02:00:00:00:00:02"
    const arpReply = {
      "eth.dst": theirs,
      "eth.src": ours,
      "arp.opcode": "2",
      "arp.src.proto_ipv4": "192.0.2.1",
      "arp.src.hw_mac": ours,
      "arp.dst.proto_ipv4": "192.0.2.2",
      "arp.dst.hw_mac": theirs,
    }
    const told = {
      "eth.dst": theirs,
      "eth.src": ours,
      "ipv6.hlim": "255",
      "ipv6.dst": "2001:db8::2",
      "icmpv6.type": "136",
      "icmpv6.checksum.status": good,
      "icmpv6.nd.na.target_address": "2001:db8::1",
      "icmpv6.nd.na.flag.s": "1",
      "icmpv6.nd.na.flag.o": "1",
      "icmpv6.nd.na.flag.r": "0",
      "icmpv6.opt.target_linkaddr": ours,
    }
    expect(rows).toMatchObject([
      { ...arpReply, "vlan.id": "" },
      { ...arpReply, "vlan.id": "42" },
      { ...arpReply, "vlan.id": "", "arp.dst.proto_ipv4": "0.0.0.0" },
      { ...told, "vlan.id": "" },
      { ...told, "vlan.id": "42" },
      { ...told, "eth.dst": "33:33:00:00:00:01", "ipv6.dst": "ff02::1", "icmpv6.nd.na.flag.s": "0" },
      told,
    ])
  })
})
