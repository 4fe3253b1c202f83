import { messageBytes } from "./request.ts"

/** Nonces that are remembered unless told otherwise: full, about 20 MB; empty, next to nothing. */
const defaultNonceCapacity = 65_536
/** A stored answer is given again at most once in this time for each nonce and each {@link Turn}, in milliseconds. */
const repeatEveryMs = 20

/** The bringer of a knock: an echo request, a SYN, or a segment of an established connection (knock-protocol.md, section 1). */
export type Carrier = (typeof carriers)[number]
const carriers = ["echo", "syn", "established"] as const

/**
 * The turn that a copy has: by its carrier, and whether its sender is that of the first copy over it. Each is answered at a
 * pace of its own, so that replays from elsewhere do not take the answers of who came first, nor one road those of the other.
 */
export interface Turn {
  readonly carrier: Carrier
  readonly flow: "first" | "other"
}

const firstTurn: Turn = { carrier: "echo", flow: "first" }
const turns = carriers.length * 2
const numberOf = ({ carrier, flow }: Turn): number =>
  carriers.indexOf(carrier) * 2 + (flow === "first" ? 0 : 1)

/** The treatment of a nonce that was seen before. */
export type Repeat =
  | { readonly kind: "answer"; readonly answer: Uint8Array }
  /** It was answered less than 20 ms ago. */
  | { readonly kind: "too-soon" }
  /** Its answer is still being made. */
  | { readonly kind: "pending" }

const oldestTime = -1

/**
 * The nonces of every authentic knock of a session, with the answer that each one got: a bounded set, so that a
 * retransmission is answered again and nothing acts twice.
 *
 * A set that is full evicts its oldest entry, and an evicted nonce is one that a replay could bring back as new. What
 * makes that safe is `forgottenUpTo`: for each secret the latest client time among its evicted knocks. The client time is
 * under the MAC, so the replay of an evicted knock carries a time that is not later than that mark. Such a knock can only
 * be fresh by challenge, and a challenge has a record of its own by which it is good once (challenge.ts): what was
 * evicted never acts again. A knock later than the mark has not been evicted: if the set does not hold it, it was never
 * here. So a full set refuses nobody, and costs a knock one more round trip at worst. The marks are one number for each
 * secret, and only who holds a secret can raise its mark.
 *
 * Nonces are kept apart by secret, so that the holder of one cannot use up another's.
 */
export class ReplayCache {
  readonly #capacity: number
  readonly #slots = new Map<string, number>()
  /** A ring: slot `#next` is the oldest once every slot is in use. */
  readonly #keys: (string | undefined)[]
  readonly #owners: (string | undefined)[]
  readonly #times: Float64Array
  readonly #answers: Uint8Array
  /** 1 where there is an answer. */
  readonly #answered: Uint8Array
  /** The moment at which it was last given in each turn, on the boot clock; a row for each slot. */
  readonly #givenMs: Float64Array
  /** The turn in which the knock came first: its answer is given in that. */
  readonly #first: Uint8Array
  readonly #forgotten = new Map<string, number>()
  #next = 0

  /** @param capacity nonces that are remembered, at least 1 */
  constructor(capacity: number = defaultNonceCapacity) {
    this.#capacity = capacity
    this.#keys = new Array(capacity)
    this.#owners = new Array(capacity)
    this.#times = new Float64Array(capacity)
    this.#answers = new Uint8Array(capacity * messageBytes)
    this.#answered = new Uint8Array(capacity)
    this.#givenMs = new Float64Array(capacity * turns)
    this.#first = new Uint8Array(capacity)
  }

  /** The latest client time among evicted knocks of this secret; -1 when none was evicted. */
  forgottenUpTo(id: string): number {
    return this.#forgotten.get(id) ?? oldestTime
  }

  seen(id: string, nonce: Uint8Array): boolean {
    return this.#slots.has(keyOf(id, nonce))
  }

  /** Remembers a nonce for which `seen` was false. Its answer is pending. */
  record(id: string, nonce: Uint8Array, clientTimeMs: number, turn: Turn = firstTurn): void {
    const slot = this.#next
    this.#next = (slot + 1) % this.#capacity
    this.#evict(slot)
    const key = keyOf(id, nonce)
    this.#slots.set(key, slot)
    this.#keys[slot] = key
    this.#owners[slot] = id
    this.#times[slot] = clientTimeMs
    this.#answered[slot] = 0
    this.#givenMs.fill(Number.NEGATIVE_INFINITY, slot * turns, (slot + 1) * turns)
    this.#first[slot] = numberOf(turn)
  }

  /**
   * Stores the answer that is now being given, 128 bytes, in place of an earlier one. Does nothing when the nonce has been
   * evicted since.
   */
  attach(id: string, nonce: Uint8Array, answer: Uint8Array, bootMs: number): void {
    const slot = this.#slots.get(keyOf(id, nonce))
    if (slot === undefined) return
    if (answer.length !== messageBytes) throw new RangeError(`an answer of ${answer.length} bytes`)
    this.#answers.set(answer, slot * messageBytes)
    this.#answered[slot] = 1
    this.#givenMs[slot * turns + (this.#first[slot] ?? 0)] = bootMs
  }

  /** Decides about a nonce for which `seen` was true. An answer returned counts as given at `bootMs`. */
  repeat(id: string, nonce: Uint8Array, bootMs: number, turn: Turn = firstTurn): Repeat {
    const slot = this.#slots.get(keyOf(id, nonce))
    if (slot === undefined || this.#answered[slot] !== 1) return { kind: "pending" }
    const given = slot * turns + numberOf(turn)
    if (bootMs - (this.#givenMs[given] ?? 0) < repeatEveryMs) return { kind: "too-soon" }
    this.#givenMs[given] = bootMs
    return { kind: "answer", answer: this.#answers.slice(slot * messageBytes, (slot + 1) * messageBytes) }
  }

  #evict(slot: number): void {
    const key = this.#keys[slot]
    const owner = this.#owners[slot]
    if (key === undefined || owner === undefined) return
    this.#slots.delete(key)
    this.#forgotten.set(owner, Math.max(this.forgottenUpTo(owner), this.#times[slot] ?? oldestTime))
  }
}

function keyOf(id: string, nonce: Uint8Array): string {
  return `${id}/${Buffer.from(nonce.buffer, nonce.byteOffset, nonce.length).toString("latin1")}`
}
