import { equalBytes } from "@noble/ciphers/utils.js"
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
 * would take three times as long, which a flood of forged knocks would show. Of more keys than any guard has, as a client with
 * thousands of hosts has them, none is kept for long.
 */
const keyed = new Map<Uint8Array, _HMAC<_SHA256>>()
const mostKeyed = 512
const blockBytes = 32
let working: _HMAC<_SHA256> | undefined

/** HMAC-SHA-256 (RFC 2104). 32 bytes. @param key is not changed once it has been used */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  let start = keyed.get(key)
  if (start === undefined) {
    start = hmac.create(hash, key) as _HMAC<_SHA256>
    if (keyed.size >= mostKeyed) keyed.clear()
    keyed.set(key, start)
  }
  working = start._cloneInto(working)
  return working.update(bytes).digest()
}

/**
 * HKDF-SHA-256 (RFC 5869) of one secret and salt, for outputs of at most one block: extract is HMAC(salt, secret), and expand
 * of the first block HMAC(PRK, info | 0x01). So thousands of secrets share the salt's state, and each has one of its own.
 * @param salt is not changed once it has been used
 * @returns makes `length` bytes, 1..32, for a label
 */
export function hkdfSha256(
  secret: Uint8Array,
  salt: Uint8Array,
): (info: string, length: number) => Uint8Array {
  const key = hmacSha256(salt, secret)
  return (info, length) => {
    if (length < 1 || length > blockBytes)
      throw new RangeError(`cannot expand to ${length} bytes: 1 to ${blockBytes} are made here`)
    return hmacSha256(key, Buffer.from(`${info}\x01`)).slice(0, length)
  }
}

/** Compares two byte strings of one length, in a time that does not depend on where they differ. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(a, b)
}
