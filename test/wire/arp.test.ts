import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeArp, encodeArpReply } from "../../src/wire/arp.ts"

const own = Uint8Array.of(2, 0, 0, 0, 0, 1)
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ""), "hex"))

/** A broadcast request of 192.0.2.2 for 192.0.2.1, laid out by hand after RFC 826. */
const request = bytesOf(`
  ffffffffffff 020000000002 0806
  0001 0800 06 04 0001
  020000000002 c0000202
  000000000000 c0000201`)
const changed = (at: number, hex: string): Uint8Array => {
  const bytes = Uint8Array.from(request)
  bytes.set(bytesOf(hex), at)
  return bytes
}
const reasonOf = (bytes: Uint8Array): string => {
  const result = decodeArp(bytes)
  return result.ok ? result.value.operation : result.rejection.reason
}

describe("decodeArp", () => {
  it("reads who asks for what", () => {
    const result = decodeArp(request)
    expect(result.ok && result.value).toMatchObject({
      operation: "request",
      senderAddress: "192.0.2.2",
      targetAddress: "192.0.2.1",
      senderLink: Uint8Array.of(2, 0, 0, 0, 0, 2),
    })
  })

  it("reads a probe: nobody asks", () => {
    const result = decodeArp(changed(28, "00000000"))
    expect(result.ok && result.value.senderAddress).toBe("0.0.0.0")
  })

  it.each([
    ["a padded request", Uint8Array.from([...request, ...new Array(18).fill(0)]), "request"],
    ["a reply", changed(20, "0002"), "reply"],
    ["an announcement", changed(38, "c0000202"), "announcement"],
    ["another hardware type", changed(14, "0006"), "bad-format"],
    ["another protocol", changed(16, "86dd"), "bad-format"],
    ["another hardware size", changed(18, "08"), "bad-format"],
    ["another protocol size", changed(19, "10"), "bad-format"],
    ["another operation (RARP)", changed(20, "0003"), "bad-format"],
    ["a group address as the sender", changed(22, "ffffffffffff"), "bad-sender"],
    ["a multicast sender", changed(28, "e0000001"), "bad-sender"],
    ["a multicast target", changed(38, "e0000001"), "bad-target"],
    ["a broadcast target", changed(38, "ffffffff"), "bad-target"],
    ["IPv4", changed(12, "0800"), "not-arp"],
  ])("%s: %s", (_, bytes, verdict) => {
    expect(reasonOf(bytes)).toBe(verdict)
  })

  it("refuses it cut short at every length", () => {
    for (let length = 0; length < request.length; length += 1)
      expect(reasonOf(request.subarray(0, length))).toBe("truncated")
  })
})

describe("encodeArpReply", () => {
  it("tells the sender our link address, laid out by hand", () => {
    const result = decodeArp(request)
    if (!result.ok) throw new Error(result.rejection.reason)
    expect(encodeArpReply(result.value, own)).toEqual(
      bytesOf(`
        020000000002 020000000001 0806
        0001 0800 06 04 0002
        020000000001 c0000201
        020000000002 c0000202`),
    )
  })

  it("goes to the link address the sender gave of itself, not to who brought the frame", () => {
    const result = decodeArp(changed(22, "020000000003"))
    if (!result.ok) throw new Error(result.rejection.reason)
    expect(encodeArpReply(result.value, own).subarray(0, 6)).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 3))
  })

  it("decodes as the reply to whatever was asked, with its tags", () => {
    const address = fc.tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255), fc.nat(255), fc.nat(255))
    const tags = fc.array(fc.constantFrom("8100002a", "88a80064"), { maxLength: 2 })
    fc.assert(
      fc.property(address, address, tags, (sender, target, tagged) => {
        fc.pre(sender.join() !== target.join())
        const plain = changed(28, Buffer.from(sender).toString("hex"))
        plain.set(target, 38)
        const bytes = Uint8Array.from([
          ...plain.subarray(0, 12),
          ...bytesOf(tagged.join("")),
          ...plain.subarray(12),
        ])
        const asked = decodeArp(bytes)
        if (!asked.ok) throw new Error(asked.rejection.reason)
        const reply = decodeArp(encodeArpReply(asked.value, own))
        if (!reply.ok) throw new Error(reply.rejection.reason)
        expect(reply.value.operation).toBe("reply")
        expect(reply.value.senderLink).toEqual(own)
        expect(reply.value.senderAddress).toBe(target.join("."))
        expect(reply.value.targetAddress).toBe(sender.join("."))
        expect(reply.value.link.vlanTags).toEqual(asked.value.link.vlanTags)
        expect(reply.value.link.vlanTags.length).toBe(tagged.length)
      }),
    )
  })
})
