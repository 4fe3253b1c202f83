import type { Request } from "./request.ts"
import { verbs } from "./verbs.ts"

/** Both clocks, read at one moment. */
export interface Instant {
  /** Milliseconds since boot, suspend included; never steps. */
  readonly bootMs: number
  /** Wall clock, ms since 1970; steps when somebody sets it. */
  readonly wallMs: number
}

/** A secret from a file is used again in later sessions; a one-time secret was made for this session alone. */
export type SecretKind = "standing" | "one-time"

/** An authentic knock, as far as its freshness goes. */
export interface Candidate {
  /** `KnockKeys.id` */
  readonly id: string
  readonly kind: SecretKind
  readonly request: Request
}

/** The reason why its time does not make a knock fresh, so that it gets a challenge. */
export type Stale =
  | "first-request" // nothing was claimed: no pin, not one-way
  | "needs-challenge" // this verb, or a resumed guard, takes nothing less
  | "forgotten" // not later than a nonce that had to be forgotten
  | "pin-distance" // further from the pin than 30 s
  | "not-later" // not later than the last knock accepted
  | "before-session" // one-way, made before this session
  | "one-way-window" // one-way, further from the wall clock than 60 s

export type Fresh =
  | { readonly ok: true; readonly road: "pin" | "one-way" }
  | { readonly ok: false; readonly why: Stale }

/** The most by which a pinned client's clock may differ from its pin, in milliseconds, in either direction. */
const pinToleranceMs = 30_000
/** The most by which a one-way knock's time may differ from the guard's wall clock, likewise. */
const oneWayWindowMs = 60_000

interface Pin {
  /** Client wall clock minus guard boot clock, an upper bound. */
  readonly offsetMs: number
  lastAcceptedMs: number
}

/**
 * Two of the three ways to be fresh, those that go by the client's time: pin and one-way. The first way, a challenge, is
 * challenge.ts; an exchange that it completed comes here as `pin`. Normative: native-notes/knock-protocol.md, section 8.
 *
 * The pin is the follow-up's client time minus the *earliest* moment at which its challenge can have been issued. The
 * follow-up was made after that moment, so the true difference of the clocks is not above the pin, whoever held the
 * follow-up back and for how long. A later knock that is held back for more than 30 s therefore lies more than 30 s behind
 * the pin and is not fresh: holding back the exchange does not buy time. (Were it measured at the arrival instead, each
 * second for which the follow-up was held back would allow every later knock to be held back a second longer.)
 */
export class Freshness {
  readonly #resumed: boolean
  readonly #bornWallMs: number
  readonly #pins = new Map<string, Pin>()

  /**
   * @param born `resumed`: this guard goes on with a session that another process began, whose nonces are lost, so only
   *   challenges count. `wallMs`: the wall clock when the session began.
   */
  constructor(born: { readonly resumed: boolean; readonly wallMs: number }) {
    this.#resumed = born.resumed
    this.#bornWallMs = born.wallMs
  }

  /** True when a later knock under this secret will be judged against a pin. */
  pinned(id: string): boolean {
    return this.#pins.has(id)
  }

  /**
   * Takes note of a completed challenge exchange. It replaces an earlier pin and its "last accepted" too, so a client whose
   * clock was set back needs one exchange and not the time until its clock has caught up.
   * @param issuedMs boot clock: the earliest moment at which the challenge was issued
   */
  pin(candidate: Candidate, issuedMs: number): void {
    if (this.#resumed) return
    const { id, request } = candidate
    this.#pins.set(id, { offsetMs: request.clientTimeMs - issuedMs, lastAcceptedMs: request.clientTimeMs })
  }

  /**
   * Decides whether its time alone makes a knock with an unseen nonce fresh. If so, it counts as accepted from now on.
   * @param forgottenUpTo {@link ReplayCache.forgottenUpTo} for its secret, after its own nonce was recorded
   */
  accept(candidate: Candidate, now: Instant, forgottenUpTo: number): Fresh {
    const fresh = this.#judge(candidate, now, forgottenUpTo)
    const pin = this.#pins.get(candidate.id)
    if (fresh.ok && pin !== undefined)
      pin.lastAcceptedMs = Math.max(pin.lastAcceptedMs, candidate.request.clientTimeMs)
    return fresh
  }

  #judge(candidate: Candidate, now: Instant, forgottenUpTo: number): Fresh {
    const { verb, hard, oneWay, clientTimeMs } = candidate.request
    if (this.#resumed || verbs[verb].needsChallenge) return { ok: false, why: "needs-challenge" }
    if (clientTimeMs <= forgottenUpTo) return { ok: false, why: "forgotten" }
    const notByPin = hard ? "needs-challenge" : this.#byPin(candidate, now)
    if (notByPin === undefined) return { ok: true, road: "pin" }
    if (!oneWay) return { ok: false, why: notByPin }
    const notByTime = this.#byWallClock(candidate, now)
    return notByTime === undefined ? { ok: true, road: "one-way" } : { ok: false, why: notByTime }
  }

  /** The reason why the pin does not make it fresh, or undefined when it does. */
  #byPin({ id, request }: Candidate, now: Instant): Stale | undefined {
    const pin = this.#pins.get(id)
    if (pin === undefined) return "first-request"
    const distanceMs = request.clientTimeMs - now.bootMs - pin.offsetMs
    if (Math.abs(distanceMs) > pinToleranceMs) return "pin-distance"
    return request.clientTimeMs > pin.lastAcceptedMs ? undefined : "not-later"
  }

  /** The reason why the one-way flag does not make it fresh, or undefined when it does. */
  #byWallClock({ kind, request }: Candidate, now: Instant): Stale | undefined {
    // A one-time secret did not exist before this session, so a nonce that this session has not seen is new.
    if (kind === "one-time") return undefined
    // A standing secret's knock may have been recorded in an earlier session, whose nonces are gone.
    if (request.clientTimeMs <= this.#bornWallMs) return "before-session"
    return Math.abs(request.clientTimeMs - now.wallMs) > oneWayWindowMs ? "one-way-window" : undefined
  }
}
