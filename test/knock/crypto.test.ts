import { createHash, createHmac, hkdfSync } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { equalInConstantTime, hkdfSha256, hmacSha256, sha256 } from "../../src/knock/crypto.ts"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })

describe("SHA-256", () => {
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
    expect(hex(sha256(ascii(text)))).toBe(digest)
  })

  it("is OpenSSL's, however the message is cut", () => {
    fc.assert(
      fc.property(fc.array(bytes(150), { maxLength: 4 }), (parts) => {
        expect(hex(sha256(...parts))).toBe(createHash("sha256").update(Buffer.concat(parts)).digest("hex"))
      }),
    )
  })
})

describe("HMAC-SHA-256", () => {
  // RFC 4231 4.2 and 4.7 (a key longer than a block)
  it.each([
    ["0b".repeat(20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
    [
      "aa".repeat(131),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ],
  ])("RFC 4231 with the key %.8s...", (key, text, digest) => {
    expect(hex(hmacSha256(unhex(key), ascii(text)))).toBe(digest)
  })

  it("is OpenSSL's", () => {
    fc.assert(
      fc.property(bytes(150), bytes(300), (key, message) => {
        expect(hex(hmacSha256(key, message))).toBe(createHmac("sha256", key).update(message).digest("hex"))
      }),
    )
  })
})

describe("HKDF-SHA-256", () => {
  it("RFC 5869 A.3, its first block", () => {
    const expand = hkdfSha256(unhex("0b".repeat(22)), new Uint8Array())
    expect(hex(expand("", 32))).toBe("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")
  })

  it("makes one block and no more", () => {
    const expand = hkdfSha256(unhex("0b"), new Uint8Array())
    expect(() => expand("", 33)).toThrow("cannot expand to 33 bytes: 1 to 32 are made here")
    expect(() => expand("", 0)).toThrow(RangeError)
  })

  it("is OpenSSL's", () => {
    fc.assert(
      fc.property(
        bytes(150),
        fc.string(),
        fc.string(),
        fc.integer({ min: 1, max: 32 }),
        (key, salt, info, length) => {
          const theirs = new Uint8Array(hkdfSync("sha256", key, salt, info, length))
          expect(hex(hkdfSha256(key, new Uint8Array(Buffer.from(salt)))(info, length))).toBe(hex(theirs))
        },
      ),
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
        expect(equalInConstantTime(a, a.slice())).toBe(true)
        const other = a.slice()
        other[at % a.length] = (other[at % a.length] as number) ^ flip
        expect(equalInConstantTime(a, other)).toBe(false)
      },
    ),
  )
})
