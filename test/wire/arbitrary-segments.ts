import fc from "fast-check"
import type { SegmentFrame } from "../../src/wire/carrier-frame.ts"
import { protocolTcp } from "../../src/wire/tcp.ts"
import { echoFrames } from "./arbitrary-frames.ts"

/** Frames with a TCP segment that must decode: the layers of every echo frame, and any header, options and data on top. */

const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })

const segment = fc.record({
  ...{ sourcePort: u16, destinationPort: u16, sequence: u32, acknowledgment: u32 },
  flags: fc.integer({ min: 0, max: 0xfff }),
  window: u16,
  checksum: fc.constant(undefined),
  urgentPointer: u16,
  options: fc.integer({ min: 0, max: 10 }).chain((words) => {
    const length = words * 4
    return fc.uint8Array({ minLength: length, maxLength: length })
  }),
  data: fc.uint8Array({ maxLength: 300 }),
})

export const segmentFrames: fc.Arbitrary<SegmentFrame> = fc
  .tuple(echoFrames, segment)
  .map(([{ link, ip, trailer }, one]) => {
    if (ip.version === 4) return { link, ip: { ...ip, protocol: protocolTcp }, segment: one, trailer }
    const extensions = Uint8Array.from(ip.extensions)
    // The last extension header names what follows it.
    let at = 0
    for (
      let next = 8 + 8 * (extensions[1] ?? 0);
      next < extensions.length;
      next = at + 8 + 8 * (extensions[at + 1] ?? 0)
    )
      at = next
    if (extensions.length > 0) extensions[at] = protocolTcp
    const nextHeader = extensions.length > 0 ? ip.nextHeader : protocolTcp
    return { link, ip: { ...ip, nextHeader, protocol: protocolTcp, extensions }, segment: one, trailer }
  })
