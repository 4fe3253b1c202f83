import { createHash, createHmac, hkdfSync, timingSafeEqual } from "node:crypto"

/*
 * The hash functions of the protocol, as Node's OpenSSL has them. The packaged fw-knock has
 * scripts/packaging/light-primitives.ts in this file's place: loading node:crypto takes as long as all the rest of a knock.
 */

export { randomBytes } from "node:crypto"

/** SHA-256 (FIPS 180-4) of the parts, one behind the other. 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** HMAC-SHA-256 (RFC 2104). 32 bytes. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return createHmac("sha256", key).update(bytes).digest()
}

/**
 * HKDF-SHA-256 (RFC 5869) of one secret and salt.
 * @returns makes `length` bytes, 1..32 (the first block is all that a knock needs), for a label
 */
export function hkdfSha256(secret: Uint8Array, salt: string): (info: string, length: number) => Uint8Array {
  return (info, length) => new Uint8Array(hkdfSync("sha256", secret, salt, info, length))
}

/** Are these the same bytes? Both are of one length; takes the same time wherever they differ. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return timingSafeEqual(a, b)
}
