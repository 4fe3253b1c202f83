import { Fault } from "../errors.ts"
import type { LinkType } from "../wire/link/link.ts"

/** One packet of a savefile. */
export interface SavedFrame {
  /** A view of what the file holds of the packet. */
  readonly bytes: Uint8Array
  /** Bytes in the file: the length of `bytes`. */
  readonly capturedLength: number
  /** Bytes there were on the wire; more than captured when the capture cut it short. */
  readonly originalLength: number
  /** When it was captured, milliseconds since 1970-01-01 UTC, with a fraction. */
  readonly timeMs: number
}

/**
 * A classic libpcap capture file (pcap-savefile(5)), in either byte order.
 *
 * ```
 *  magic (4): 0xa1b2c3d4 microseconds, 0xa1b23c4d nanoseconds | version (2) = 2, (2) = 4 | zero (8) | snapshot length (4)
 *    | link type (4), in its lower 16 bits
 *  each packet:  seconds (4) | fraction (4) | captured length (4) | original length (4) | captured bytes
 * ```
 */
export interface Savefile {
  readonly linkType: LinkType
  readonly frames: readonly SavedFrame[]
}

const fileHeaderLength = 24
const recordHeaderLength = 16
const pcapngMagic = 0x0a0d0d0a

/** LINKTYPE_* numbers (pcap-linktype(7)): null, Ethernet, raw, loop, Linux cooked, raw IPv4 and IPv6, cooked v2. */
const linkTypes: ReadonlyMap<number, LinkType> = new Map([
  [0, "null"],
  [1, "ethernet"],
  [101, "raw"],
  [108, "null"],
  [113, "linux-sll"],
  [228, "raw"],
  [229, "raw"],
  [276, "linux-sll2"],
])

/**
 * Reads a whole savefile. Frames are views of `bytes`.
 *
 * @param name the file's name, for messages
 * @throws Fault `configuration` when it is no classic pcap file, ends in the middle of a packet, or holds packets of a
 * link type that this program cannot decode
 */
export function parseSavefile(bytes: Uint8Array, name: string): Savefile {
  const refuse = (why: string, hint?: string): Fault =>
    new Fault(
      "configuration",
      `cannot read capture file "${name}": ${why}`,
      hint === undefined ? {} : { hint },
    )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4)
    throw refuse(`it has ${bytes.length} bytes, a pcap file has at least ${fileHeaderLength}`)
  const form = formOf(view.getUint32(0))
  if (form === undefined) {
    if (view.getUint32(0) === pcapngMagic)
      throw refuse("it is a pcapng file, a pcap file is wanted", "`editcap -F pcap IN OUT` converts it")
    throw refuse(`it begins with 0x${view.getUint32(0).toString(16).padStart(8, "0")}, no pcap magic number`)
  }
  const { littleEndian, fractionsPerMs } = form
  if (bytes.length < fileHeaderLength)
    throw refuse(`it has ${bytes.length} bytes, a pcap file has at least ${fileHeaderLength}`)
  const major = view.getUint16(4, littleEndian)
  const minor = view.getUint16(6, littleEndian)
  if (major !== 2 || minor !== 4) throw refuse(`it has format version ${major}.${minor}, 2.4 is wanted`)
  const linkNumber = view.getUint32(20, littleEndian) & 0xffff
  const linkType = linkTypes.get(linkNumber)
  if (linkType === undefined) throw refuse(`link type ${linkNumber} is not one that can be decoded`)

  const frames: SavedFrame[] = []
  for (let at = fileHeaderLength; at < bytes.length; ) {
    const start = at + recordHeaderLength
    const capturedLength = start <= bytes.length ? view.getUint32(at + 8, littleEndian) : 0
    if (start + capturedLength > bytes.length)
      throw refuse(`it ends in the middle of packet ${frames.length + 1}`)
    frames.push({
      bytes: bytes.subarray(start, start + capturedLength),
      capturedLength,
      originalLength: view.getUint32(at + 12, littleEndian),
      timeMs: view.getUint32(at, littleEndian) * 1000 + view.getUint32(at + 4, littleEndian) / fractionsPerMs,
    })
    at = start + capturedLength
  }
  return { linkType, frames }
}

/** The form of the rest, by the first four bytes read big endian. */
function formOf(magic: number): { littleEndian: boolean; fractionsPerMs: number } | undefined {
  switch (magic) {
    case 0xa1b2c3d4:
      return { littleEndian: false, fractionsPerMs: 1e3 }
    case 0xd4c3b2a1:
      return { littleEndian: true, fractionsPerMs: 1e3 }
    case 0xa1b23c4d:
      return { littleEndian: false, fractionsPerMs: 1e6 }
    case 0x4d3cb2a1:
      return { littleEndian: true, fractionsPerMs: 1e6 }
    default:
      return undefined
  }
}
