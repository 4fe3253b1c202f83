import { type Decoded, decoded, type Rejected, type Rejection, rejected } from "../wire/decoded.ts"
import { type Answer, decodeAnswer } from "./answer.ts"
import type { Instant } from "./freshness.ts"
import { agree, type KnockKeys } from "./keys.ts"
import { encodeRequest, nonceBytes, requestMacOf } from "./request.ts"
import { type Verb, verbs } from "./verbs.ts"

/** Without any answer for this long, a reset goes on as a one-way request; milliseconds. */
const silenceMs = 2000
/** Challenges that one exchange follows. A guard asks once; a restart of it, or a challenge that grew too old, once more. */
const mostFollowUps = 8
/** From this copy on the schedule is steady: where it goes on after an answer that the guard has yet to verify. */
const steadyCopy = 4

const notOurRequest = rejected("verify", "not-our-request")
const otherVerb = rejected("verify", "other-verb")
const exchangeOver = rejected("verify", "exchange-over")
const challengeNotNeeded = rejected("verify", "challenge-not-needed")

/** The wish of one `fw-knock` to one host. */
export interface ExchangeOptions {
  readonly keys: KnockKeys
  readonly verb: Verb
  readonly hard: boolean
  /** Begin with the one-way flag, not only after 2 s of silence. */
  readonly oneWay: boolean
  /** Few copies, far between: for one of thousands, whose answers would get lost among the others' copies. */
  readonly thin?: boolean | undefined
  /** Random bytes from the system's generator. */
  readonly random: (length: number) => Uint8Array
}

/** The outcome of the data of one echo reply. */
export type Received =
  /** Not an answer to this exchange, or one that changes nothing: wait on. */
  | { readonly kind: "ignored"; readonly rejection: Rejection }
  /** A challenge: a follow-up is due now. */
  | { readonly kind: "follow-up"; readonly answer: Answer }
  /** It acted and has yet to look whether it helped: keep this answer, and wait on for the final one. */
  | { readonly kind: "provisional"; readonly answer: Answer }
  | { readonly kind: "final"; readonly answer: Answer }

interface SentRequest {
  readonly bytes: Uint8Array
  readonly requestMac: Uint8Array
  readonly kind: "first" | "one-way" | "follow-up"
}

/**
 * The client's side of one knock, without its sockets and timers. Ask `nextSendMs` when to call `send`; give the data of
 * every echo reply to `receive`; stop when `done`, or when the time to wait is over and take `answer` as it is.
 *
 *     first ──────────── challenge ─────────► follow-up ──► final
 *       │ 2 s without any answer (reset)       ▲   │ ▲ another challenge
 *       ▼                                      │   └─┘
 *     one-way ────────── challenge ────────────┘
 *     any of them ── opened, not verified ──► provisional ── verified ──► final
 *
 * Each state sends one request, the same bytes again and again; each new state has a new request with a new nonce.
 * Normative: native-notes/knock-protocol.md, section 6.
 */
export class Exchange {
  readonly #options: ExchangeOptions
  readonly #startedMs: number
  readonly #sent: SentRequest[] = []
  #current: SentRequest
  /** The moment at which the current request's schedule began; `#copy` is the next of its copies. */
  #scheduleMs: number
  #copy = 0
  #heard = false
  #followUps = 0
  /** Challenges to requests made before the newest follow-up come too late. */
  #newestFollowUp = 0
  #answer: Answer | undefined
  /** The request whose verified answer is waited for. */
  #awaited: SentRequest | undefined
  #done = false

  /** @param now the client's clocks; `bootMs` may be any clock that never steps */
  constructor(options: ExchangeOptions, now: Instant) {
    this.#options = options
    this.#startedMs = now.bootMs
    this.#scheduleMs = now.bootMs
    this.#current = this.#make(
      options.oneWay && !verbs[options.verb].needsChallenge ? "one-way" : "first",
      now,
    )
  }

  /** A final answer is in; nothing is sent any more. */
  get done(): boolean {
    return this.#done
  }

  /** The best answer so far: final, or provisional, or the latest challenge. */
  get answer(): Answer | undefined {
    return this.#answer
  }

  /** The kind of request that is being sent. */
  get stage(): SentRequest["kind"] {
    return this.#current.kind
  }

  /** The moment at which `send` is due next, on the clock of `bootMs`; undefined when there is nothing more to send. */
  nextSendMs(): number | undefined {
    if (this.#done) return undefined
    const copyMs = this.#scheduleMs + this.#dueMs(this.#copy)
    return this.#turnsOneWay() ? Math.min(copyMs, this.#startedMs + silenceMs) : copyMs
  }

  /**
   * The data of the echo request that is due at `now`, 128 bytes, or undefined when none is yet. Each call that returns
   * bytes stands for one packet, with an ICMP sequence of its own. Copies that a pause has missed are not sent later.
   */
  send(now: Instant): Uint8Array | undefined {
    const dueMs = this.nextSendMs()
    if (dueMs === undefined || now.bootMs < dueMs) return undefined
    if (this.#turnsOneWay() && now.bootMs >= this.#startedMs + silenceMs) this.#begin("one-way", now)
    do this.#copy += 1
    while (this.#scheduleMs + this.#dueMs(this.#copy) <= now.bootMs)
    return this.#current.bytes
  }

  /** Takes the data of an echo reply, from wherever it came. What is not an answer to this exchange changes nothing. */
  receive(data: Uint8Array, now: Instant): Received {
    if (this.#done) return ignored(exchangeOver)
    const matched = this.#match(data)
    if (!matched.ok) return ignored(matched)
    const { answer, index } = matched.value
    this.#heard = true
    if (answer.verdict === "challenge") return this.#challenged(answer, index, now)
    this.#answer = answer
    if ((answer.verdict === "opened" || answer.verdict === "open-failed") && !answer.verified) {
      this.#awaitVerified(index, now)
      return { kind: "provisional", answer }
    }
    this.#done = true
    return { kind: "final", answer }
  }

  #match(data: Uint8Array): Decoded<{ readonly answer: Answer; readonly index: number }> {
    const read = decodeAnswer(this.#options.keys, data)
    if (!read.ok) return read
    const answer = read.value
    const index = this.#sent.findIndex((request) => agree(request.requestMac, answer.requestMac))
    if (index < 0) return notOurRequest
    if (answer.verb !== this.#options.verb) return otherVerb
    return decoded({ answer, index })
  }

  #challenged(answer: Answer, index: number, now: Instant): Received {
    if (this.#awaited !== undefined || index < this.#newestFollowUp || this.#followUps >= mostFollowUps)
      return ignored(challengeNotNeeded)
    this.#answer = answer
    this.#followUps += 1
    this.#begin("follow-up", now, answer.challenge)
    this.#newestFollowUp = this.#sent.length - 1
    return { kind: "follow-up", answer }
  }

  /**
   * The verified answer comes by itself; should it get lost, copies of the request that was answered fetch it. The same
   * answer once more does not put those copies off: whoever repeats it could else keep them from being sent.
   */
  #awaitVerified(index: number, now: Instant): void {
    const answered = this.#sent[index] ?? this.#current
    if (answered === this.#awaited) return
    this.#awaited = answered
    this.#current = answered
    this.#scheduleMs = now.bootMs - this.#dueMs(steadyCopy - 1)
    this.#copy = steadyCopy
  }

  #dueMs(copy: number): number {
    return sendDueMs(this.#options.thin ? thin : dense, copy)
  }

  #turnsOneWay(): boolean {
    return verbs[this.#options.verb].opens && this.#current.kind === "first" && !this.#heard
  }

  #begin(kind: SentRequest["kind"], now: Instant, challenge?: Uint8Array): void {
    this.#current = this.#make(kind, now, challenge)
    this.#scheduleMs = now.bootMs
    this.#copy = 0
  }

  #make(kind: SentRequest["kind"], now: Instant, challenge?: Uint8Array): SentRequest {
    const { keys, verb, hard, random } = this.#options
    const bytes = encodeRequest(keys, {
      verb,
      hard,
      oneWay: kind === "one-way",
      clientTimeMs: Math.max(0, Math.floor(now.wallMs)),
      nonce: random(nonceBytes),
      challenge,
    })
    const request = { bytes, requestMac: requestMacOf(bytes), kind }
    this.#sent.push(request)
    return request
  }
}

function ignored({ rejection }: Rejected): Received {
  return { kind: "ignored", rejection }
}

/** When the copies of a request are due, in ms after the first; behind the last they go on at the same distance. */
interface Schedule {
  readonly firstMs: readonly number[]
  readonly everyMs: number
}
const dense: Schedule = { firstMs: [0, 50, 150, 400], everyMs: 400 }
const thin: Schedule = { firstMs: [0, 250, 1000, 2000, 4000], everyMs: 3000 }

/** @param n 0 for the first copy */
function sendDueMs({ firstMs, everyMs }: Schedule, n: number): number {
  const last = firstMs.length - 1
  return firstMs[n] ?? (firstMs[last] ?? 0) + (n - last) * everyMs
}
