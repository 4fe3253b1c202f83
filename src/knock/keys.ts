import { equalInConstantTime, hkdfSha256, hmacSha256 } from "./crypto.ts"

/** Everything that is derived from one secret. Who holds the secret, or `requestKey`, can make a knock. */
export interface KnockKeys {
  /** The request tag in hex, 16 characters: names the secret in messages, maps and logs. Not confidential. */
  readonly id: string
  /** First 8 bytes of every request; sent in the clear and part of the packet filter. */
  readonly requestTag: Uint8Array
  /** First 8 bytes of every answer. */
  readonly answerTag: Uint8Array
  /** 32 bytes; the listener holds it. Enough to pass the screen, not enough to make a knock. */
  readonly screenKey: Uint8Array
  /** 32 bytes; only the guard and the client hold it. */
  readonly requestKey: Uint8Array
  /** 32 bytes; only the guard and the client hold it. */
  readonly answerKey: Uint8Array
}

const salt = new Uint8Array(Buffer.from("fw-watchdog knock v1"))

/**
 * Derives the keys of one secret: HKDF-SHA-256 (RFC 5869), the secret as input keying material, one label each.
 * Normative: native-notes/knock-protocol.md, section 3.
 * @param secret the 16 secret bytes, as `parseSecret` returns them; not their text
 */
export function deriveKeys(secret: Uint8Array): KnockKeys {
  const expand = hkdfSha256(secret, salt)
  const requestTag = expand("request tag", 8)
  // A knock is on the wire before the two of the answer are wanted.
  const answerTag = whenWanted(() => expand("answer tag", 8))
  const answerKey = whenWanted(() => expand("answer", 32))
  return {
    id: idOf(requestTag),
    requestTag,
    screenKey: expand("screen", 32),
    requestKey: expand("request", 32),
    get answerTag() {
      return answerTag()
    },
    get answerKey() {
      return answerKey()
    },
  }
}

/** Makes a value when it is asked for the first time, and keeps it. */
function whenWanted<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** The id that belongs to the tag a request begins with; `bytes` may go on behind the tag. */
export function idOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 8)).toString("hex")
}

/** HMAC-SHA-256 (RFC 2104) of `bytes`, cut to its first `length` bytes, 1..32. */
export function mac(key: Uint8Array, bytes: Uint8Array, length: number): Uint8Array {
  return hmacSha256(key, bytes).subarray(0, length)
}

/** True when two byte strings agree. Takes the same time wherever they differ; their lengths are public. */
export function agree(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && equalInConstantTime(a, b)
}
