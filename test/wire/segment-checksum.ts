import type { SegmentFrame } from "../../src/wire/carrier-frame.ts"

/**
 * True when the checksum of this frame's segment is right: RFC 9293 3.1, byte by byte over the pseudo header and `bytes`, the
 * segment as it is on the wire. Shares nothing with the program's own sums.
 */
export function hasGoodSegmentChecksum({ ip }: SegmentFrame, bytes: Uint8Array): boolean {
  const length = Buffer.alloc(8)
  length.writeUInt32BE(bytes.length)
  length[7] = 6
  let sum = 0
  for (const part of [ip.sourceBytes, ip.destinationBytes, length, bytes])
    for (const [at, byte] of part.entries()) sum = (sum + byte * (at % 2 === 0 ? 256 : 1)) % 0xffff
  return sum === 0
}
