import { describe, expect, it } from "vitest"
import { addressText, parseAddress } from "../../src/wire/address.ts"
import { internetChecksum, pseudoHeaderSum } from "../../src/wire/checksum.ts"
import {
  decodeNeighbour,
  encodeAdvertisement,
  type NeighbourMessage,
} from "../../src/wire/neighbour-discovery.ts"

const own = Uint8Array.of(2, 0, 0, 0, 0, 1)
const asker = Uint8Array.of(2, 0, 0, 0, 0, 2)
const hex = (text: string): number[] => [...Buffer.from(text.replace(/\s/g, ""), "hex")]

interface Parts {
  readonly source?: string
  readonly destination?: string
  readonly target?: string
  readonly hopLimit?: number
  readonly typeAndCode?: string
  readonly flags?: string
  readonly options?: string
  readonly tags?: string
  readonly linkSource?: string
  readonly checksumError?: number
}

/** A neighbour message laid out by hand after RFC 4861 4.3; without changes, 2001:db8::2 asks for 2001:db8::1. */
function message(parts: Parts = {}): Uint8Array {
  const source = parseAddress(parts.source ?? "2001:db8::2") as Uint8Array
  const destination = parseAddress(parts.destination ?? "ff02::1:ff00:1") as Uint8Array
  const target = parseAddress(parts.target ?? "2001:db8::1") as Uint8Array
  const options = hex(parts.options ?? "0101020000000002")
  const icmp = Uint8Array.from([
    ...hex(parts.typeAndCode ?? "8700"),
    0,
    0,
    ...hex(parts.flags ?? "00000000"),
    ...target,
    ...options,
  ])
  const sum = internetChecksum(icmp, pseudoHeaderSum(source, destination, icmp.length, 58))
  const checksum = sum ^ (parts.checksumError ?? 0)
  icmp[2] = checksum >>> 8
  icmp[3] = checksum & 0xff
  const link = hex(`3333ff000001 ${parts.linkSource ?? "020000000002"} ${parts.tags ?? ""} 86dd`)
  const fixed = [0x60, 0, 0, 0, 0, icmp.length, 58, parts.hopLimit ?? 255]
  return Uint8Array.from([...link, ...fixed, ...source, ...destination, ...icmp])
}

function accepted(bytes: Uint8Array): NeighbourMessage {
  const result = decodeNeighbour(bytes)
  if (!result.ok) throw new Error(`${result.rejection.stage}/${result.rejection.reason}`)
  return result.value
}

const detection = { source: "::", options: "" }
const advertisement = { typeAndCode: "8800", options: "0201020000000002", destination: "2001:db8::9" }

describe("decodeNeighbour", () => {
  it("reads who asks for what", () => {
    const asked = accepted(message())
    expect(asked).toMatchObject({ kind: "solicitation", target: "2001:db8::1", isDuplicateDetection: false })
    expect(asked.ip.source).toBe("2001:db8::2")
    expect(asked.linkAddress).toEqual(asker)
  })

  it("recognises duplicate address detection, with a nonce too (RFC 7527)", () => {
    expect(accepted(message(detection))).toMatchObject({ isDuplicateDetection: true, linkAddress: undefined })
    expect(accepted(message({ ...detection, options: "0e01010203040506" })).isDuplicateDetection).toBe(true)
  })

  it("reads an advertisement", () => {
    const told = accepted(message({ ...advertisement, flags: "60000000" }))
    expect(told).toMatchObject({ kind: "advertisement", linkAddress: asker })
  })

  it.each<[string, Parts, string]>([
    ["hop limit 254", { hopLimit: 254 }, "bad-hop-limit"],
    ["hop limit 64", { hopLimit: 64 }, "bad-hop-limit"],
    ["a wrong checksum", { checksumError: 1 }, "bad-checksum"],
    ["a code", { typeAndCode: "8701" }, "not-neighbour"],
    ["a router solicitation", { typeAndCode: "8500" }, "not-neighbour"],
    ["an echo request", { typeAndCode: "8000" }, "not-neighbour"],
    ["a multicast target", { target: "ff02::1" }, "bad-target"],
    ["an unspecified target", { target: "::" }, "bad-target"],
    ["a multicast source", { source: "ff02::1" }, "bad-source"],
    ["detection with a source link address", { source: "::" }, "bad-source"],
    ["detection sent to one host", { ...detection, destination: "2001:db8::1" }, "bad-destination"],
    ["detection sent to another group", { ...detection, destination: "ff02::1:ff00:2" }, "bad-destination"],
    ["an option of length 0", { options: "0100020000000002" }, "bad-options"],
    ["an option that is cut off", { options: "0102020000000002" }, "bad-options"],
    ["half an option header", { options: "01" }, "bad-options"],
    ["a link address of another length", { options: "01020200000000020000000000000000" }, "bad-options"],
    ["a group link address", { options: "0101ffffffffffff" }, "bad-options"],
    ["a group link source", { linkSource: "030000000002" }, "bad-source"],
    ["an advertisement from nobody", { ...advertisement, source: "::", options: "" }, "bad-source"],
    [
      "an advertisement to all that claims to be solicited",
      { ...advertisement, destination: "ff02::1", flags: "60000000" },
      "bad-destination",
    ],
  ])("refuses %s", (_, parts, reason) => {
    const result = decodeNeighbour(message(parts))
    expect(result.ok ? "accepted" : result.rejection.reason).toBe(reason)
  })

  it("refuses every flipped bit of the IPv6 addresses and the message, and every shorter length", () => {
    const whole = message()
    for (let bit = (14 + 8) * 8; bit < whole.length * 8; bit += 1) {
      const bytes = Uint8Array.from(whole)
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(decodeNeighbour(bytes).ok).toBe(false)
    }
    for (let length = 0; length < whole.length; length += 1)
      expect(decodeNeighbour(whole.subarray(0, length)).ok).toBe(false)
  })
})

describe("encodeAdvertisement", () => {
  it("answers the sender: solicited, override, our link address, hop limit 255, right checksum", () => {
    const frame = encodeAdvertisement(accepted(message({ tags: "88a80064 8100002a" })), {
      own,
      router: false,
    })
    const told = accepted(frame) // checks hop limit and checksum
    expect(told).toMatchObject({ kind: "advertisement", target: "2001:db8::1", linkAddress: own })
    expect(told.ip).toMatchObject({ source: "2001:db8::1", destination: "2001:db8::2", hopLimit: 255 })
    expect(told.link).toMatchObject({ destination: asker, source: own })
    expect(told.link.vlanTags).toEqual([
      { protocol: 0x88a8, tci: 100 },
      { protocol: 0x8100, tci: 42 },
    ])
    expect(frame[14 + 8 + 40 + 4]).toBe(0x60)
  })

  it("uses the Ethernet source when the solicitation has no link address", () => {
    const frame = encodeAdvertisement(accepted(message({ options: "" })), { own, router: false })
    expect(accepted(frame).link.destination).toEqual(asker)
  })

  it("tells everybody, unsolicited, when a duplicate was looked for", () => {
    const frame = encodeAdvertisement(accepted(message(detection)), { own, router: false })
    const told = accepted(frame)
    expect(told.ip.destination).toBe("ff02::1")
    expect(Buffer.from(told.link.destination).toString("hex")).toBe("333300000001")
    expect(frame[14 + 40 + 4]).toBe(0x20)
  })

  it("says that it is a router when it is one", () => {
    const frame = encodeAdvertisement(accepted(message()), { own, router: true })
    expect(frame[14 + 40 + 4]).toBe(0xe0)
    expect(addressText(frame.subarray(14 + 48, 14 + 64))).toBe("2001:db8::1")
  })
})
