import { equalBytes } from "@noble/ciphers/utils.js"
import { expand, extract } from "@noble/hashes/hkdf.js"
import { type _HMAC, hmac } from "@noble/hashes/hmac.js"
import { type _SHA256, sha256 as hash } from "@noble/hashes/sha2.js"

/*
 * The only door to the protocol's cryptography, on both sides. Hashes are those of @noble/hashes and not of node:crypto, whose
 * loading takes longer than all that a knock computes (native-notes/packaging.md).
 */

/** SHA-256 (FIPS 180-4) of the parts, one behind the other. 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const digest = hash.create()
  for (const part of parts) digest.update(part)
  return digest.digest()
}

/**
 * The state of each key behind its two pads (RFC 2104 section 4), and one state to work in. Making them anew for each message
 * would take three times as long, which a flood of forged knocks would show.
 */
const keyed = new WeakMap<Uint8Array, _HMAC<_SHA256>>()
let working: _HMAC<_SHA256> | undefined

/** HMAC-SHA-256 (RFC 2104). 32 bytes. @param key is not changed once it has been used */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const start = keyed.get(key) ?? (hmac.create(hash, key) as _HMAC<_SHA256>)
  keyed.set(key, start)
  working = start._cloneInto(working)
  return working.update(bytes).digest()
}

/**
 * HKDF-SHA-256 (RFC 5869) of one secret and salt.
 * @returns makes `length` bytes, 1..8160, for a label
 */
export function hkdfSha256(secret: Uint8Array, salt: string): (info: string, length: number) => Uint8Array {
  const key = extract(hash, secret, Buffer.from(salt))
  return (info, length) => expand(hash, key, Buffer.from(info), length)
}

/** Compares two byte strings of one length, in a time that does not depend on where they differ. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(a, b)
}
