import { Reader } from "../wire/reader.ts"
import { Writer } from "../wire/writer.ts"
import { agree, mac } from "./keys.ts"
import { argumentBytes, challengeBytes, nonceBytes, type Request, tagBytes } from "./request.ts"
import { verbs } from "./verbs.ts"

/**
 * A challenge, 36 bytes, opaque to the client:
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1   byte
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |              expiry, s of the guard's boot clock              |     0
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                   nonce of the first request                  |     4
 *     |                           (16 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     |                              MAC                              |    20
 *     |                           (16 bytes)                          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * `expiry` counts whole seconds of the guard's boot clock, rounded up. The MAC is HMAC-SHA-256, cut to 16 bytes, under a key
 * that was born with the guard process, over
 *
 *     "fw-watchdog challenge v1" || request tag (8) || expiry (4) || first nonce (16) || verb (1) || hard (1) || argument (8)
 *
 * all of fixed length: secret, first request and what it asks for. The follow-up has to ask for the same.
 * Normative: native-notes/knock-protocol.md, section 8.
 */

/** The life of a challenge in milliseconds; rounding up makes it up to 999 ms more. A pin has a bound of its own: freshness.ts. */
const challengeLifeMs = 30_000
/** Answered challenges that are remembered. */
const defaultChallengeCapacity = 4096

const label = new TextEncoder().encode("fw-watchdog challenge v1")
const macBytes = 16

/** The subject of a challenge: a request and the id of its secret. */
export interface ChallengeSubject {
  /** `KnockKeys.id`: 16 hex digits. */
  readonly id: string
  readonly request: Pick<Request, "verb" | "hard" | "argument">
}

export type Redeemed =
  /** `issuedMs`: the earliest moment of the guard's boot clock at which it may have been issued. */
  | { readonly ok: true; readonly issuedMs: number }
  | { readonly ok: false; readonly reason: "challenge-forged" | "challenge-expired" | "challenge-used" }

/**
 * Issues challenges without remembering them, so that nobody can exhaust it by asking, and redeems each one once.
 *
 * The record of redeemed challenges is bounded. One that has to be evicted raises a mark to its expiry, and what expires
 * at or before the mark counts as used: bounded memory never makes a challenge good twice. Only completed exchanges get
 * into the record, so only a holder of a secret can fill it; the mark matters once he has completed more than 4096 of
 * them within 30 s.
 */
export class Challenges {
  readonly #key: Uint8Array
  readonly #used = new Map<string, number>()
  readonly #ring: (string | undefined)[]
  #next = 0
  #usedUpTo = 0

  /** @param key 32 random bytes made when the guard process began, never stored */
  constructor(key: Uint8Array, capacity: number = defaultChallengeCapacity) {
    this.#key = key
    this.#ring = new Array(capacity)
  }

  /** The challenge that answers a first request at `bootMs`; the same arguments give the same bytes. */
  issue(subject: ChallengeSubject, firstNonce: Uint8Array, bootMs: number): Uint8Array {
    return this.#make(subject, firstNonce, Math.ceil((bootMs + challengeLifeMs) / 1000))
  }

  /** Checks the challenge of a follow-up at `bootMs`, and uses it up when it is good. */
  redeem(subject: ChallengeSubject, challenge: Uint8Array, bootMs: number): Redeemed {
    const reader = new Reader(challenge)
    const expiry = reader.u32()
    const firstNonce = reader.take(nonceBytes)
    if (!agree(challenge, this.#make(subject, firstNonce, expiry)))
      return { ok: false, reason: "challenge-forged" }
    if (bootMs >= expiry * 1000) return { ok: false, reason: "challenge-expired" }
    const name = Buffer.from(challenge).toString("latin1")
    if (expiry <= this.#usedUpTo || this.#used.has(name)) return { ok: false, reason: "challenge-used" }
    this.#remember(name, expiry)
    return { ok: true, issuedMs: Math.max(0, (expiry - 1) * 1000 - challengeLifeMs) }
  }

  #make(subject: ChallengeSubject, firstNonce: Uint8Array, expiry: number): Uint8Array {
    const { id, request } = subject
    const bound = new Writer(label.length + tagBytes + 4 + nonceBytes + 1 + 1 + argumentBytes)
    bound.bytes(label)
    bound.bytes(Buffer.from(id, "hex"))
    bound.u32(expiry)
    bound.bytes(firstNonce)
    bound.u8(verbs[request.verb].code)
    bound.u8(request.hard ? 1 : 0)
    bound.bytes(request.argument)
    const writer = new Writer(challengeBytes)
    writer.u32(expiry)
    writer.bytes(firstNonce)
    writer.bytes(mac(this.#key, bound.finish(), macBytes))
    return writer.finish()
  }

  #remember(name: string, expiry: number): void {
    const evicted = this.#ring[this.#next]
    if (evicted !== undefined) {
      this.#usedUpTo = Math.max(this.#usedUpTo, this.#used.get(evicted) ?? 0)
      this.#used.delete(evicted)
    }
    this.#ring[this.#next] = name
    this.#next = (this.#next + 1) % this.#ring.length
    this.#used.set(name, expiry)
  }
}
