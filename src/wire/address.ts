import { isIPv4, isIPv6 } from "node:net"

/**
 * The canonical text of an address: dotted decimal, or RFC 5952 (lower case, no leading zeros, the longest run of two
 * or more zero groups as `::`, the first of equal ones, IPv4-mapped addresses with their last 32 bits in dotted
 * decimal). Two addresses are the same exactly when their texts are; the operating system prints the same text.
 *
 * @param bytes 4 or 16 bytes, network order
 */
export function addressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? ipv4Text(bytes, 0) : ipv6Text(bytes)
}

function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

function ipv6Text(bytes: Uint8Array): string {
  const group = (index: number): number =>
    ((bytes[index * 2] as number) << 8) | (bytes[index * 2 + 1] as number)
  let runStart = -1
  let runLength = 1 // RFC 5952 4.2.2: one zero group alone is not shortened
  for (let start = 0; start < 8; start += 1) {
    let end = start
    while (end < 8 && group(end) === 0) end += 1
    if (end - start > runLength) {
      runStart = start
      runLength = end - start
    }
    if (end > start) start = end
  }
  // RFC 5952 section 5: ::ffff:0:0/96 is known to embed an IPv4 address.
  if (runStart === 0 && runLength === 5 && group(5) === 0xffff) return `::ffff:${ipv4Text(bytes, 12)}`
  let text = ""
  for (let index = 0; index < 8; index += 1) {
    if (index === runStart) {
      text += "::"
      index += runLength - 1
      continue
    }
    if (text !== "" && index !== runStart + runLength) text += ":"
    text += group(index).toString(16)
  }
  return text
}

/**
 * The bytes of an address in any of its texts (RFC 4291 2.2; dotted decimal without leading zeros).
 *
 * @returns 4 or 16 bytes, or undefined when it is not an address; a zone (`%eth0`) is not part of one
 */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number)
  if (!isIPv6(text) || text.includes("%")) return undefined
  const [head = "", tail] = text.split("::")
  const front = groupBytes(head)
  if (tail === undefined) return Uint8Array.from(front)
  const back = groupBytes(tail)
  return Uint8Array.from([...front, ...new Array<number>(16 - front.length - back.length).fill(0), ...back])
}

function groupBytes(text: string): number[] {
  if (text === "") return []
  return text.split(":").flatMap((part) => {
    if (part.includes(".")) return part.split(".").map(Number)
    const group = Number.parseInt(part, 16)
    return [group >>> 8, group & 0xff]
  })
}

/**
 * Can one host be behind this address, as far as the address alone tells? Not 0.0.0.0/8, multicast, 240.0.0.0/4 with
 * the limited broadcast (RFC 1122 3.2.1.3); not `::`, not ff00::/8 (RFC 4291 2.4). A subnet's own broadcast address
 * cannot be told from a host's without its prefix length.
 *
 * @param bytes 4 or 16 bytes
 */
export function isUnicast(bytes: Uint8Array): boolean {
  const first = bytes[0] as number
  if (bytes.length === 4) return first !== 0 && first < 224
  return first !== 0xff && !isUnspecified(bytes)
}

/** Is it 0.0.0.0 or `::`? */
export function isUnspecified(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** Are these the same bytes? */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
