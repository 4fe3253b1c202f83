import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as light from "../../scripts/packaging/light-primitives.ts"
import * as openssl from "../../src/knock/crypto.ts"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })

describe("SHA-256 of the packaged fw-knock", () => {
  // NIST, examples to FIPS 180-4 (one block, two blocks), and its test with a million times "a".
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  ])("NIST's %.20s...", (text, digest) => {
    expect(hex(light.sha256(ascii(text)))).toBe(digest)
  })

  it("is OpenSSL's, for every length around the ends of blocks and however it is cut", () => {
    for (let length = 0; length <= 200; length += 1) {
      const message = Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 0xff)
      expect(hex(light.sha256(message))).toBe(hex(openssl.sha256(message)))
    }
    fc.assert(
      fc.property(fc.array(bytes(150), { maxLength: 4 }), (parts) => {
        expect(hex(light.sha256(...parts))).toBe(hex(openssl.sha256(...parts)))
      }),
    )
  })
})

describe("HMAC and HKDF of the packaged fw-knock", () => {
  // RFC 4231 4.2 and 4.7 (a key longer than a block)
  it.each([
    ["0b".repeat(20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
    [
      "aa".repeat(131),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ],
  ])("RFC 4231 with the key %.8s...", (key, text, digest) => {
    expect(hex(light.hmacSha256(new Uint8Array(Buffer.from(key, "hex")), ascii(text)))).toBe(digest)
  })

  it("are OpenSSL's", () => {
    fc.assert(
      fc.property(
        bytes(150),
        bytes(300),
        fc.string(),
        fc.string(),
        fc.integer({ min: 1, max: 32 }),
        (key, message, salt, info, length) => {
          expect(hex(light.hmacSha256(key, message))).toBe(hex(openssl.hmacSha256(key, message)))
          const [ours, theirs] = [light, openssl].map((each) => each.hkdfSha256(key, salt)(info, length))
          expect(ours).toEqual(theirs)
        },
      ),
      { numRuns: 500 },
    )
  })
})

it("bytes are equal when all of them are", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (a, at, flip) => {
        expect(light.equalInConstantTime(a, a.slice())).toBe(true)
        const other = a.slice()
        other[at % a.length] = (other[at % a.length] as number) ^ flip
        expect(light.equalInConstantTime(a, other)).toBe(false)
      },
    ),
  )
})

it("random bytes are as many as asked for, and others each time", () => {
  const drawn = Array.from({ length: 100 }, () => hex(light.randomBytes(16)))
  expect(new Set(drawn).size).toBe(100)
  expect(drawn.every((text) => text.length === 32)).toBe(true)
})

it("everything that the protocol takes from node:crypto is there", () => {
  expect(Object.keys(light).sort()).toEqual(Object.keys(openssl).sort())
})
