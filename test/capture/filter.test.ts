import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { filterText, type KnockFilter } from "../../src/capture/filter.ts"
import { encodeSegmentFrame } from "../../src/wire/carrier-frame.ts"
import { freshIpv4Header } from "../../src/wire/ipv4.ts"
import { freshIpv6Header } from "../../src/wire/ipv6.ts"
import { protocolTcp, timestampsOption } from "../../src/wire/tcp.ts"
import { ethernetEcho } from "../listener/echo-frames.ts"
import { savefile } from "../wire/savefile.ts"

const missing = spawnSync("tcpdump", ["--version"]).status === 0 ? undefined : "tcpdump is not installed"
if (missing) process.stderr.write(`skipped: capture/filter: ${missing}\n`)

const tag = (number: number): Uint8Array => Uint8Array.of(0xa0, 1, 2, number, 4, 5, 6, number)
const knock = (number: number): Uint8Array => Uint8Array.of(...tag(number), ...new Uint8Array(120))

/** A segment with that data; without options, or with those of timestamps. */
function segment(version: 4 | 6, port: number, flags: number, data: Uint8Array, options = false): Uint8Array {
  const address = new Uint8Array(version === 4 ? 4 : 16).fill(0x20)
  return encodeSegmentFrame({
    link: {
      ...{ type: "ethernet", destination: new Uint8Array(6), source: new Uint8Array(6), vlanTags: [] },
      etherType: version === 4 ? 0x0800 : 0x86dd,
    },
    ip: (version === 4 ? freshIpv4Header : freshIpv6Header)(address, address, protocolTcp),
    segment: {
      ...{ sourcePort: 50_000, destinationPort: port, sequence: 1, acknowledgment: 2, flags, window: 1 },
      ...{ checksum: undefined, urgentPointer: 0, data },
      options: options ? timestampsOption({ value: 7, echo: 8 }) : new Uint8Array(0),
    },
    trailer: new Uint8Array(0),
  })
}

describe.skipIf(missing)("filterText", () => {
  const folder = mkdtempSync(join(tmpdir(), "fw-filter-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** The places of the frames that pass, by tcpdump. */
  const passing = (wanted: KnockFilter, frames: readonly Uint8Array[]): number[] => {
    const marked = frames.map((frame, at) =>
      Uint8Array.from([...frame.subarray(0, 11), at, ...frame.subarray(12)]),
    )
    const file = join(folder, "frames.pcap")
    writeFileSync(file, savefile(1, marked))
    const out = execFileSync("tcpdump", ["-nnetr", file, filterText(wanted)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
    return out
      .split("\n")
      .flatMap((line) => /^\S+:([0-9a-f]{2}) > /.exec(line)?.[1] ?? [])
      .map((hex) => Number.parseInt(hex, 16))
  }

  it("lets SYNs and segments of connections through that begin with a tag, to its ports, and no other", () => {
    const wanted = { tags: [tag(1), tag(2)], plain: false, tcpPorts: [22, 2222] }
    const through = ([4, 6] as const).flatMap((version) => [
      segment(version, 22, 0x02, knock(1)),
      segment(version, 2222, 0xc2, knock(2), true),
      segment(version, 22, 0x18, knock(2), true),
      segment(version, 22, 0x10, knock(1)),
    ])
    const not = ([4, 6] as const).flatMap((version) => [
      segment(version, 23, 0x02, knock(1)),
      segment(version, 22, 0x02, knock(3)),
      segment(version, 22, 0x02, Uint8Array.of(...knock(1).subarray(0, 7), 9, ...new Uint8Array(120))),
      segment(version, 22, 0x02, new Uint8Array(0)),
      segment(version, 22, 0x02, knock(1).subarray(0, 7)),
      segment(version, 22, 0x12, knock(1)),
      segment(version, 22, 0x04, knock(1)),
      segment(version, 22, 0x14, knock(1)),
      segment(version, 22, 0x11, knock(1)),
      segment(version, 22, 0x03, knock(1)),
    ])
    const echoes = [ethernetEcho(knock(1)), ethernetEcho(knock(3))]
    const frames = [...through, echoes[0] as Uint8Array, ...not, echoes[1] as Uint8Array]
    expect(passing(wanted, frames)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(passing({ ...wanted, tcpPorts: [] }, frames)).toEqual([8])
    expect(passing({ ...wanted, plain: true }, frames)).toEqual([
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      frames.length - 1,
    ])
    expect(passing({ tags: [], plain: false, tcpPorts: [22] }, frames)).toEqual([])
  })

  it("lets them through by half of their tags where there are many, and stays short", () => {
    const tags = Array.from({ length: 65 }, (_, number) => tag(number))
    const wanted = { tags, plain: false, tcpPorts: [22, 23, 24, 25] }
    const frames = [
      segment(4, 25, 2, knock(64)),
      segment(6, 22, 24, knock(0), true),
      segment(4, 22, 2, knock(65)),
    ]
    expect(passing(wanted, frames)).toEqual([0, 1])
    for (const linkType of ["EN10MB", "LINUX_SLL2"]) {
      const program = execFileSync("tcpdump", ["-ddd", "-y", linkType, filterText(wanted)], {
        encoding: "utf8",
      })
      // 8 bytes each, at most doubled by the kernel, within the 20 480 that older ones allow.
      expect(Number(program.split("\n")[0])).toBeLessThan(1250)
    }
  })
})
