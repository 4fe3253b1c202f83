import { createHmac, createPrivateKey, createPublicKey } from "node:crypto"
import { describe, expect, it } from "vitest"
import { Fault } from "../../src/errors.ts"
import { openAgreement } from "../../src/secrets/agreement.ts"

/** Bob's key pair, Alice's public value and what both have, from RFC 7748 section 6.1. */
const bobsScalar = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
const bobsPublic = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
const alicesPublic = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"

/** PKCS #8 with the object identifier of X25519 (RFC 8410 section 7). */
const header = "302e020100300506032b656e04220420"
const privateKey = createPrivateKey({
  key: Buffer.from(header + bobsScalar, "hex"),
  format: "der",
  type: "pkcs8",
})
const bob = { privateKey, publicKey: createPublicKey(privateKey) }
const text = (hex: string): string => Buffer.from(hex, "hex").toString("base64url")
const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Buffer =>
  parts.reduce((made, part) => made.update(part), createHmac("sha256", key)).digest()

describe("a secret that is agreed on", () => {
  it("is the first 16 bytes of HKDF over the product, with both public values in it, the client's first", () => {
    const server = openAgreement("server", bob)
    expect(server.publicValue).toBe(text(bobsPublic))
    const key = hmac(new Uint8Array(32), Buffer.from(shared, "hex"))
    const info = Buffer.from("fw-watchdog agree v1")
    const values = [alicesPublic, bobsPublic].map((hex) => Buffer.from(hex, "hex"))
    const expected = hmac(key, info, ...values, Uint8Array.of(1)).subarray(0, 16)
    expect(Buffer.from(server.secretWith(text(alicesPublic))).toString("hex")).toBe(expected.toString("hex"))
    expect(expected.toString("hex")).toBe("10022aa655b50029b891a166f41ca0b1")
  })

  it("is the same at both ends, and another one each time", () => {
    const [client, server] = [openAgreement("client"), openAgreement("server")]
    const secret = client.secretWith(server.publicValue)
    expect(secret).toHaveLength(16)
    expect(server.secretWith(client.publicValue)).toEqual(secret)
    expect(openAgreement("client").secretWith(server.publicValue)).not.toEqual(secret)
    expect(openAgreement("client").secretWith(client.publicValue)).not.toEqual(secret)
  })

  it.each([
    ["nothing", ""],
    ["too short", text(alicesPublic).slice(1)],
    ["too long", `${text(alicesPublic)}A`],
    ["other characters", `${text(alicesPublic).slice(0, 42)}=`],
    ["zero", text("00".repeat(32))],
    ["one", text(`01${"00".repeat(31)}`)],
    ["a point of small order", text("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")],
    ["the prime", text(`edff${"ff".repeat(29)}7f`)],
  ])("is not made from what is no public value: %s", (_, other) => {
    expect(() => openAgreement("server", bob).secretWith(other)).toThrow(Fault)
  })
})
