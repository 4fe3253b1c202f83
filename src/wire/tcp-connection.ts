import { addressText, parseAddress, withoutZone } from "./address.ts"

/** A TCP connection of this network namespace that the kernel holds as established. */
export interface Connection {
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  /** The socket's inode, as /proc/PID/fd shows it; 0 for one that nobody has accepted yet. */
  readonly inode: number
}

/** One connection by its four values, the same text for the same connection whichever table it is in. */
export function connectionKey(one: Omit<Connection, "inode">): string {
  return `${one.localAddress} ${one.localPort} ${one.remoteAddress} ${one.remotePort}`
}

/**
 * An address as connections have it: the shortest text, no zone, and IPv4 as IPv4 even where a socket of IPv6 holds it.
 * @returns undefined when it is no address
 */
export function plainAddress(text: string): string | undefined {
  const bytes = parseAddress(withoutZone(text))
  if (bytes === undefined) return undefined
  return addressText(isMapped(bytes) ? bytes.subarray(12) : bytes)
}

/** Tells whether 16 bytes are an IPv4 address as IPv6 has it: ::ffff:0:0/96, RFC 4291 2.5.5.2. */
export function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes.subarray(0, 12).every((byte, at) => byte === (at < 10 ? 0 : 0xff))
}
