import { type Rejection, rejected } from "../wire/decoded.ts"
import { Challenges } from "./challenge.ts"
import { type Candidate, Freshness, type Instant, type SecretKind, type Stale } from "./freshness.ts"
import type { KnockKeys } from "./keys.ts"
import { ReplayCache, type Turn } from "./replay-cache.ts"
import type { Authentic } from "./verify.ts"

const pending = rejected("fresh", "answer-pending")
const tooSoon = rejected("fresh", "repeated-too-soon")

/** One secret, as the guard knows it. */
export interface KnownSecret {
  readonly keys: KnockKeys
  readonly kind: SecretKind
}

/** The guard's duty about one authentic knock. */
export type Decision =
  /** It is fresh: do what it asks for, once, then give its answer to {@link Decider.answered}. */
  | { readonly action: "act"; readonly road: "challenge" | "pin" | "one-way"; readonly pinned: boolean }
  /** Answer with verdict `challenge` and this challenge, and give that answer to {@link Decider.answered}. */
  | {
      readonly action: "challenge"
      readonly challenge: Uint8Array
      readonly why: Stale | "challenge-forged" | "challenge-expired" | "challenge-used"
      readonly pinned: boolean
    }
  /** Seen before: send these 128 bytes again. */
  | { readonly action: "repeat"; readonly answer: Uint8Array }
  /** Seen before, and nothing to send now; stage `fresh`: repeated-too-soon, answer-pending. */
  | { readonly action: "ignore"; readonly rejection: Rejection }

/** The circumstances in which a guard process begins. */
export interface DeciderOptions {
  /** 32 random bytes, made now and kept nowhere. */
  readonly challengeKey: Uint8Array
  /** Wall clock when the session began, ms since 1970. */
  readonly bornWallMs: number
  /** This guard goes on with a session that another process began. */
  readonly resumed: boolean
  readonly nonceCapacity?: number
}

/**
 * The memory of one guard process about knocks, and the one place that decides about them: nonces, challenges and pins,
 * for as long as the process lives. A reload of the secrets keeps it.
 */
export class Decider {
  readonly #nonces: ReplayCache
  readonly #challenges: Challenges
  readonly #freshness: Freshness

  constructor(options: DeciderOptions) {
    this.#nonces = new ReplayCache(options.nonceCapacity)
    this.#challenges = new Challenges(options.challengeKey)
    this.#freshness = new Freshness({ resumed: options.resumed, wallMs: options.bornWallMs })
  }

  /**
   * Decides about one authentic knock that arrived at `now`. It never says `act` twice for one nonce.
   * @param turn decides nothing but how often a stored answer is repeated
   */
  decide(knock: Authentic<KnownSecret>, now: Instant, turn?: Turn): Decision {
    const { key, request } = knock
    const { id } = key.keys
    if (this.#nonces.seen(id, request.nonce)) return this.#again(id, request.nonce, now, turn)
    this.#nonces.record(id, request.nonce, request.clientTimeMs, turn)

    const candidate: Candidate = { id, kind: key.kind, request }
    const redeemed = request.challenge && this.#challenges.redeem(candidate, request.challenge, now.bootMs)
    if (redeemed?.ok) {
      this.#freshness.pin(candidate, redeemed.issuedMs)
      return { action: "act", road: "challenge", pinned: this.#freshness.pinned(id) }
    }
    const fresh = this.#freshness.accept(candidate, now, this.#nonces.forgottenUpTo(id))
    const pinned = this.#freshness.pinned(id)
    if (fresh.ok) return { action: "act", road: fresh.road, pinned }
    const challenge = this.#challenges.issue(candidate, request.nonce, now.bootMs)
    return { action: "challenge", challenge, why: redeemed?.reason ?? fresh.why, pinned }
  }

  /** Stores the answer that is being sent for a knock, so that its retransmissions get it too; a later one replaces it. */
  answered(knock: Authentic<KnownSecret>, answer: Uint8Array, now: Instant): void {
    this.#nonces.attach(knock.key.keys.id, knock.request.nonce, answer, now.bootMs)
  }

  #again(id: string, nonce: Uint8Array, now: Instant, turn?: Turn): Decision {
    const repeat = this.#nonces.repeat(id, nonce, now.bootMs, turn)
    if (repeat.kind === "answer") return { action: "repeat", answer: repeat.answer }
    return { action: "ignore", rejection: (repeat.kind === "pending" ? pending : tooSoon).rejection }
  }
}
