/**
 * The one's complement sum of 16-bit words (RFC 1071 section 1), before it is complemented. Sums of parts add up, so a
 * pseudo header and a message are summed one after the other; only the last part may have an odd length.
 *
 * @param bytes at most 65 535 bytes; an odd last byte counts as the high half of a word whose low half is 0
 * @param start the sum of what was summed before, or of single words, below 2^24
 * @returns the sum folded to 16 bits; 0xffff over data that includes its own right checksum
 */
export function onesSum(bytes: Uint8Array, start = 0): number {
  let sum = start
  const even = bytes.length & ~1
  for (let at = 0; at < even; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  if (even !== bytes.length) sum += (bytes[even] as number) << 8
  return fold(sum)
}

/** The Internet checksum of `bytes`, whose checksum field must hold 0: the complement of the sum, 0..0xffff. */
export function internetChecksum(bytes: Uint8Array, start = 0): number {
  return ~onesSum(bytes, start) & 0xffff
}

/**
 * The sum of the pseudo header that the checksums of ICMPv6 (RFC 8200 section 8.1) and TCP (RFC 9293 section 3.1, for IPv4)
 * cover. The fields of IPv4 are narrower and stand in another order, which a sum does not tell.
 *
 * ```
 *  source (16, or 4) | destination (16, or 4) | upper-layer length (4) | zero (3) | next header (1)
 * ```
 *
 * @param length bytes of the upper-layer message, 0..65535
 */
export function pseudoHeaderSum(
  source: Uint8Array,
  destination: Uint8Array,
  length: number,
  nextHeader: number,
): number {
  return fold(onesSum(destination, onesSum(source)) + length + nextHeader)
}

function fold(sum: number): number {
  // At most 2^15 words of 16 bits and a carry: two folds leave no carry (RFC 1071 section 4.1).
  const once = (sum & 0xffff) + (sum >>> 16)
  return (once & 0xffff) + (once >>> 16)
}
