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
 * The bytes of an address in any of its texts (RFC 4291 2.2; dotted decimal without leading zeros). Takes exactly what
 * `isIP` of node:net takes, which would cost a knock the time to load that module.
 *
 * @returns 4 or 16 bytes, or undefined when it is not an address; a zone (`%eth0`) is not part of one
 */
export function parseAddress(text: string): Uint8Array | undefined {
  const bytes = text.includes(":") ? ipv6Bytes(text) : ipv4Bytes(text)
  return bytes && Uint8Array.from(bytes)
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split(".")
  const bytes = parts.map(Number)
  const good = (byte: number, index: number): boolean =>
    Number.isInteger(byte) && byte >= 0 && byte <= 255 && String(byte) === parts[index]
  return bytes.length === 4 && bytes.every(good) ? bytes : undefined
}

function ipv6Bytes(text: string): number[] | undefined {
  const [head = "", tail, more] = text.split("::")
  if (more !== undefined) return undefined
  if (tail === undefined) {
    const bytes = groupBytes(head, true)
    return bytes?.length === 16 ? bytes : undefined
  }
  const front = groupBytes(head, false)
  const back = groupBytes(tail, true)
  if (front === undefined || back === undefined) return undefined
  const between = 16 - front.length - back.length
  // RFC 4291 2.2: "::" indicates one or more groups of zeros.
  return between < 2 ? undefined : [...front, ...new Array<number>(between).fill(0), ...back]
}

/** @param ends these are the last groups of the address: an IPv4 address may stand for the last two of them */
function groupBytes(text: string, ends: boolean): number[] | undefined {
  if (text === "") return []
  const parts = text.split(":")
  const bytes: number[] = []
  for (const [index, part] of parts.entries()) {
    if (hexGroup.test(part)) {
      const group = Number.parseInt(part, 16)
      bytes.push(group >>> 8, group & 0xff)
      continue
    }
    const dotted = ends && index === parts.length - 1 ? ipv4Bytes(part) : undefined
    if (dotted === undefined) return undefined
    bytes.push(...dotted)
  }
  return bytes
}

const hexGroup = /^[0-9a-f]{1,4}$/i

/** An address as people type it without its zone: `fe80::1` of `fe80::1%eth0`. */
export function withoutZone(text: string): string {
  return text.replace(/%.*$/, "")
}

/** The one text of an address, as the kernel and routers name it: canonical, and without a zone. What is no address stays. */
export function kernelAddress(text: string): string {
  const bytes = parseAddress(withoutZone(text))
  return bytes === undefined ? text : addressText(bytes)
}

/**
 * The family of an address as people type it: an IPv6 address may have a zone (`fe80::1%eth0`). The same as `isIP` of
 * node:net.
 * @returns 4, 6, or 0 for what is no address
 */
export function addressFamily(text: string): 4 | 6 | 0 {
  const zone = text.indexOf("%")
  const bytes = parseAddress(zone < 0 ? text : text.slice(0, zone))
  if (bytes === undefined) return 0
  if (zone < 0) return bytes.length === 4 ? 4 : 6
  return bytes.length === 16 && zoneName.test(text.slice(zone + 1)) ? 6 : 0
}

const zoneName = /^[0-9a-z.:-]+$/i

/**
 * Tells whether one host can be behind this address, as far as the address alone shows it. Not behind 0.0.0.0/8,
 * multicast, 240.0.0.0/4 with the limited broadcast (RFC 1122 3.2.1.3), `::` or ff00::/8 (RFC 4291 2.4). A subnet's
 * own broadcast address cannot be told from a host's without its prefix length.
 *
 * @param bytes 4 or 16 bytes
 */
export function isUnicast(bytes: Uint8Array): boolean {
  const first = bytes[0] as number
  if (bytes.length === 4) return first !== 0 && first < 224
  return first !== 0xff && !isUnspecified(bytes)
}

/** True for 0.0.0.0 and `::`. */
export function isUnspecified(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** True when both hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
