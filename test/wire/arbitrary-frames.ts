import fc from "fast-check"
import { addressText } from "../../src/wire/address.ts"
import type { EchoFrame } from "../../src/wire/frame.ts"
import type { Ipv4Header } from "../../src/wire/ipv4.ts"
import type { Ipv6Header } from "../../src/wire/ipv6.ts"
import type { LinkHeader, LinkType } from "../../src/wire/link/link.ts"

/** Frames that must decode: every link type, tags, options, extension headers, data and padding. */

const allTypes: Record<LinkType, true> = {
  ethernet: true,
  "linux-sll": true,
  "linux-sll2": true,
  raw: true,
  null: true,
}
export const linkTypes = Object.keys(allTypes) as readonly LinkType[]

const octets = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const u8 = fc.integer({ min: 0, max: 0xff })
const u16 = fc.integer({ min: 0, max: 0xffff })

const vlanTags = fc.array(
  fc.record({ protocol: fc.constantFrom(0x8100 as const, 0x88a8 as const, 0x9100 as const), tci: u16 }),
  { maxLength: 2 },
)

function linkHeader(etherType: 0x0800 | 0x86dd): fc.Arbitrary<LinkHeader> {
  const cooked = {
    packetType: fc.integer({ min: 0, max: 7 }),
    arphrd: fc.constantFrom(1, 512, 772, 65534),
    addressLength: fc.integer({ min: 0, max: 8 }),
    address: octets(8),
    vlanTags,
    etherType: fc.constant(etherType),
  }
  const families = etherType === 0x0800 ? [2] : [24, 28, 30]
  return fc.oneof(
    fc.record({
      type: fc.constant("ethernet" as const),
      destination: octets(6),
      source: octets(6),
      vlanTags,
      etherType: fc.constant(etherType),
    }),
    fc.record({
      type: fc.constant("linux-sll" as const),
      ifindex: fc.constant(0),
      reserved: fc.constant(0),
      ...cooked,
    }),
    fc.record({
      type: fc.constant("linux-sll2" as const),
      ifindex: fc.integer({ min: 0, max: 0xffff_ffff }),
      reserved: u16,
      ...cooked,
    }),
    fc.record({
      type: fc.constant("raw" as const),
      vlanTags: fc.constant([]),
      etherType: fc.constant(etherType),
    }),
    fc.record({
      type: fc.constant("null" as const),
      family: fc.constantFrom(...families),
      bigEndian: fc.boolean(),
      vlanTags: fc.constant([]),
      etherType: fc.constant(etherType),
    }),
  )
}

/** IPv4 options that are well formed and route nowhere: padded to a multiple of 4 with ends of list. */
const ipv4Options = fc
  .array(
    fc.oneof(
      fc.constant([1]), // no operation
      fc.constant([0x94, 4, 0, 0]), // router alert
      fc.integer({ min: 1, max: 2 }).map((hops) => [7, 3 + 4 * hops, 4, ...new Array(4 * hops).fill(0)]),
      fc.constant([0x83, 7, 8, 203, 0, 113, 9]), // a loose source route that is used up
    ),
    { maxLength: 4 },
  )
  .map((options) => options.flat())
  .filter((bytes) => bytes.length <= 40)
  .map((bytes) => Uint8Array.from([...bytes, ...new Array((4 - (bytes.length % 4)) % 4).fill(0)]))

const ipv4Header: fc.Arbitrary<Ipv4Header> = fc
  .record({
    version: fc.constant(4 as const),
    sourceBytes: octets(4),
    destinationBytes: octets(4),
    tos: u8,
    identification: u16,
    flags: fc.constantFrom(0, 2, 4, 6),
    ttl: u8,
    protocol: fc.constant(1),
    checksum: fc.constant(undefined),
    options: ipv4Options,
  })
  .map((header) => ({
    ...header,
    source: addressText(header.sourceBytes),
    destination: addressText(header.destinationBytes),
  }))

const extensionKinds = fc.array(fc.constantFrom(43, 60), { maxLength: 7 })
const ipv6Chain = fc
  .tuple(fc.boolean(), extensionKinds, fc.integer({ min: 0, max: 3 }))
  .map(([startsHopByHop, others, units]) => {
    const kinds = [...(startsHopByHop ? [0] : []), ...others, 58]
    const extensions = kinds.slice(1).flatMap((next) => {
      const header = new Array<number>(8 + 8 * units).fill(0) // options of zeros are padding; no segments left
      header[0] = next
      header[1] = units
      return header
    })
    return { nextHeader: kinds[0] as number, extensions: Uint8Array.from(extensions) }
  })

const ipv6Header: fc.Arbitrary<Ipv6Header> = fc
  .record({
    version: fc.constant(6 as const),
    sourceBytes: octets(16),
    destinationBytes: octets(16),
    trafficClass: u8,
    flowLabel: fc.integer({ min: 0, max: 0xf_ffff }),
    hopLimit: u8,
    protocol: fc.constant(58),
    chain: ipv6Chain,
  })
  .map(({ chain, ...header }) => ({
    ...header,
    ...chain,
    source: addressText(header.sourceBytes),
    destination: addressText(header.destinationBytes),
  }))

function framesOf<T extends Ipv4Header | Ipv6Header>(
  etherType: 0x0800 | 0x86dd,
  ip: fc.Arbitrary<T>,
): fc.Arbitrary<EchoFrame> {
  return fc.record({
    link: linkHeader(etherType),
    ip,
    echo: fc.record({
      kind: fc.constantFrom("request" as const, "reply" as const),
      identifier: u16,
      sequence: u16,
      data: fc.uint8Array({ maxLength: 300 }),
      checksum: fc.constant(undefined),
    }),
    trailer: fc.uint8Array({ maxLength: 20 }),
  })
}

export const echoFrames: fc.Arbitrary<EchoFrame> = fc.oneof(
  framesOf(0x0800, ipv4Header),
  framesOf(0x86dd, ipv6Header),
)
