import type { EchoFrame } from "../../src/wire/frame.ts"

/**
 * True when the ICMP or ICMPv6 checksum of a frame is right, or left to be computed: RFC 1071, word by word, and for ICMPv6
 * with the pseudo-header of RFC 8200 8.1. Shares nothing with the program's own sums.
 */
export function hasGoodChecksum({ ip, echo }: EchoFrame): boolean {
  const { checksum, identifier, sequence, data } = echo
  if (checksum === undefined) return true
  const types = ip.version === 4 ? { request: 8, reply: 0 } : { request: 128, reply: 129 }
  const message = Buffer.concat([Buffer.from([types[echo.kind], 0, 0, 0, 0, 0, 0, 0]), data])
  message.writeUInt16BE(checksum, 2)
  message.writeUInt16BE(identifier, 4)
  message.writeUInt16BE(sequence, 6)
  const length = Buffer.alloc(8)
  length.writeUInt32BE(message.length)
  length[7] = 58
  const summed = ip.version === 4 ? [message] : [ip.sourceBytes, ip.destinationBytes, length, message]
  let sum = 0
  for (const bytes of summed)
    for (const [at, byte] of bytes.entries()) sum = (sum + byte * (at % 2 === 0 ? 256 : 1)) % 0xffff
  return sum === 0
}
