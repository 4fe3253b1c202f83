import { randomBytes } from "node:crypto"
import type { Clock } from "../../clock.ts"
import { type Answer, encodeAnswer, forFirstClients } from "../../knock/answer.ts"
import { Decider, type KnownSecret } from "../../knock/decide.ts"
import { deriveKeys } from "../../knock/keys.ts"
import { type Authentic, createVerifier, type Verify } from "../../knock/verify.ts"
import type { FromListener, ToListener } from "../../pipe/messages.ts"
import type { RejectionCounts } from "../listeners/rejection-counts.ts"
import type { ArmedSecret } from "../machine/configuration.ts"

export type KnockMessage = Extract<FromListener, { type: "knock" }>
export type PlainMessage = Extract<FromListener, { type: "plain" }>

/** One secret as the session uses it. */
export interface GuardSecret extends KnownSecret {
  readonly host: string
  readonly name: string
}

/** A knock that may act, once, and what sends its answer back. */
export interface FreshKnock {
  readonly authentic: Authentic<GuardSecret>
  readonly pinned: boolean
  /** It came from an address of this host. */
  readonly fromHere: boolean
  readonly reply: (data: Uint8Array) => void
  /** No client of the first days is at the other end: over TCP there were none. */
  readonly overTcp: boolean
}

/** The part of an answer that is the session's. */
export type AnswerState = Pick<Answer, "stillDropping" | "reLocks" | "secondsLeft">

export interface ReceiverParts {
  readonly clock: Clock
  readonly secrets: readonly ArmedSecret[]
  /** The bare text of `--plain`, or empty. */
  readonly plain: string
  /** Wall clock when the session began, ms since 1970. */
  readonly bornWallMs: number
  /** This guard goes on with a session that another process began. */
  readonly resumed: boolean
  readonly rejections: Pick<RejectionCounts, "add">
  /** Nonces that are remembered; many unless told. */
  readonly nonceCapacity?: number
}

/** Unauthenticated texts count at most once in this time, in milliseconds. */
const plainPauseMs = 1000

/**
 * Where what the listener forwards is received: every knock is verified again, acts at most once, and gets its answer. What
 * it asks for is not done here.
 */
export class Receiver {
  readonly #deps: ReceiverParts
  #secrets: Keyring
  readonly #decider: Decider
  #lastPlainMs = Number.NEGATIVE_INFINITY

  constructor(deps: ReceiverParts) {
    this.#deps = deps
    this.#secrets = new Keyring(deps.secrets)
    const { bornWallMs, resumed, nonceCapacity } = deps
    this.#decider = new Decider({
      challengeKey: new Uint8Array(randomBytes(32)),
      bornWallMs,
      resumed,
      ...(nonceCapacity === undefined ? {} : { nonceCapacity }),
    })
  }

  /** Accepts knocks under these secrets from now on, and under no others; what is known of old knocks is kept. */
  useSecrets(secrets: readonly ArmedSecret[]): void {
    this.#secrets = new Keyring(secrets)
  }

  /** The lines that a listener gets for each secret: its tag and the key of its screen. */
  screenKeys(): ToListener[] {
    return this.#secrets.screenKeys()
  }

  /**
   * A request that a listener says it heard. What is not authentic gets silence; what is not fresh gets its stored answer or
   * a challenge.
   * @param reply sends 128 bytes back to where it came from
   * @param state the session, for an answer that is given here
   * @returns the knock when it is to be acted upon: {@link answer} it
   */
  knock(
    message: KnockMessage,
    reply: (data: Uint8Array) => void,
    state: AnswerState,
  ): FreshKnock | undefined {
    const { rejections } = this.#deps
    const verified = this.#secrets.verify(new Uint8Array(Buffer.from(message.data, "hex")))
    if (!verified.ok) return void rejections.add(verified.rejection)
    const authentic = verified.value
    const way = { fromHere: isFromHere(message), reply, overTcp: message.carrier !== "echo" }
    const decision = this.#decider.decide(authentic, this.#now(), message)
    switch (decision.action) {
      case "ignore":
        return void rejections.add(decision.rejection)
      case "repeat":
        return void give(decision.answer, authentic, way)
      case "challenge": {
        const knock = { authentic, pinned: decision.pinned, ...way }
        return void this.answer(knock, "challenge", state, { challenge: decision.challenge })
      }
      case "act":
        return { authentic, pinned: decision.pinned, ...way }
    }
  }

  /** The bare text of `--plain`, heard in an echo request. Does it count? */
  plain(): boolean {
    const { clock, plain, rejections } = this.#deps
    const now = clock.bootMs()
    // Whoever took the listener over can say that he heard it.
    const reason =
      plain === "" ? "not-asked-for" : now - this.#lastPlainMs < plainPauseMs ? "too-soon" : undefined
    if (reason !== undefined) {
      rejections.add({ stage: "plain", reason })
      return false
    }
    this.#lastPlainMs = now
    return true
  }

  /** Answers a knock; a later answer takes the place of an earlier one for its retransmissions. */
  answer(
    { authentic, pinned, ...way }: FreshKnock,
    verdict: Answer["verdict"],
    state: AnswerState,
    more: Partial<Pick<Answer, "verified" | "challenge" | "obstacles">> = {},
  ): void {
    const { key, request, requestMac } = authentic
    const now = this.#now()
    const answer = encodeAnswer(key.keys, {
      verb: request.verb,
      verdict,
      verified: more.verified ?? false,
      pinned,
      ...state,
      serverTimeMs: now.wallMs,
      challenge: more.challenge,
      ...(more.obstacles === undefined ? {} : { obstacles: more.obstacles }),
      requestMac,
    })
    this.#decider.answered(authentic, answer, now)
    give(answer, authentic, way)
  }

  #now(): { bootMs: number; wallMs: number } {
    return { bootMs: this.#deps.clock.bootMs(), wallMs: this.#deps.clock.wallMs() }
  }
}

/** Gives an answer; one that the first clients do not know a second time as they do. */
function give(
  answer: Uint8Array,
  { key }: Authentic<GuardSecret>,
  { reply, overTcp }: Pick<FreshKnock, "reply" | "overTcp">,
): void {
  reply(answer)
  const first = overTcp ? undefined : forFirstClients(key.keys, answer)
  if (first !== undefined) reply(first)
}

/** For an address of its own the kernel takes that address as the source, too. */
const isFromHere = ({ source, destination }: KnockMessage): boolean =>
  source === destination || source.startsWith("127.") || source === "::1"

/** The secrets that a session accepts knocks under, with their keys. */
class Keyring {
  /** Verifies 128 bytes against all of them. */
  readonly verify: Verify<GuardSecret>
  readonly #derived: readonly GuardSecret[]

  constructor(armed: readonly ArmedSecret[]) {
    this.#derived = armed.map(({ secret, kind, host, name }) => ({
      keys: deriveKeys(new Uint8Array(Buffer.from(secret, "hex"))),
      kind,
      host,
      name,
    }))
    this.verify = createVerifier(this.#derived)
  }

  /** The lines that a listener gets for each secret: its tag and the key of its screen. */
  screenKeys(): ToListener[] {
    return this.#derived.map(({ keys }) => ({
      type: "key",
      id: keys.id,
      tag: Buffer.from(keys.requestTag).toString("hex"),
      screenKey: Buffer.from(keys.screenKey).toString("hex"),
    }))
  }
}
