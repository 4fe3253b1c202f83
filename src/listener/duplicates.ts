import { screenedBytes, screenMacBytes } from "../knock/request.ts"
import { BoundedMap } from "./bounded-map.ts"
import { type Carried, senderOf } from "./carried.ts"

/**
 * After a request was handed on, its copies of the same flow wait so long before one is handed on again: longer each time,
 * since a client sends after 50, 100, 250 and then every 400 ms, and only a replay goes on faster. Milliseconds.
 */
const pausesMs: readonly number[] = [20, 40, 80, 160, 320]
/** After a quiet time of so many milliseconds the pauses begin anew. */
const quietMs = 2000

/** The flow of a copy: that of the first copy of its request, or any other. */
export type FlowKind = "first" | "other"

/** The latest copy of a flow that was handed on. */
interface HandedOn {
  /** The sender, and what the screen MAC does not cover. */
  readonly flow: string
  readonly ref: number
  readonly atMs: number
  /** How many before it, since the last quiet time. */
  readonly before: number
}

/**
 * The requests that were handed to the guard, and when: so that a retransmission is handed on again, and a replay at full
 * rate is not.
 *
 * Who has heard a knock can send its copies faster than its owner does, and from any source. So the copies of the first
 * one's flow (see {@link senderOf}) are paced by {@link pausesMs} on their own, and all others together are paced
 * on theirs: a replay from elsewhere takes nothing away from the owner, who came first and goes on sending from where he is.
 * One request is told from another by its screen MAC; what that does not cover, everybody can change, so it only makes
 * another flow. Each carrier has turns of its own: a client that knocks over two of them is heard over both, and a connection
 * that comes about brings the very bytes that its SYN had.
 */
export class Duplicates {
  readonly #known: BoundedMap<Readonly<Record<FlowKind, HandedOn | undefined>>>

  /** @param capacity requests that are remembered, at least */
  constructor(capacity: number) {
    this.#known = new BoundedMap(capacity)
  }

  /**
   * The copy of this request of 128 bytes, which nobody has screened yet, in whose pause this one comes.
   * @returns that copy's ref, and whether it is of the very same flow; undefined when this one may be handed on
   */
  takenBy(carried: Carried, nowMs: number): { readonly ref: number; readonly sameFlow: boolean } | undefined {
    const known = this.#known.get(nameOf(carried))
    if (known === undefined) return undefined
    const flow = flowOf(carried)
    const latest = known.first?.flow === flow ? known.first : known.other
    if (latest === undefined || nowMs - latest.atMs >= pauseAfter(latest)) return undefined
    return { ref: latest.ref, sameFlow: latest.flow === flow }
  }

  kindOf(carried: Carried): FlowKind {
    const first = this.#known.get(nameOf(carried))?.first
    return first === undefined || first.flow === flowOf(carried) ? "first" : "other"
  }

  /** Takes note of a request whose screen MAC fits and that was handed on as `kind` under `ref`. */
  note(carried: Carried, kind: FlowKind, ref: number, atMs: number): void {
    const name = nameOf(carried)
    const { first, other } = this.#known.get(name) ?? { first: undefined, other: undefined }
    const latest = kind === "first" ? first : other
    const before = latest === undefined || atMs - latest.atMs >= quietMs ? 0 : latest.before + 1
    const handedOn = { flow: flowOf(carried), ref, atMs, before }
    this.#known.set(name, kind === "first" ? { first: handedOn, other } : { first, other: handedOn })
  }
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")

const pauseAfter = ({ before }: HandedOn): number => pausesMs[Math.min(before, pausesMs.length - 1)] ?? 0

const restAt = screenedBytes + screenMacBytes
const nameOf = ({ carrier, data }: Carried): string =>
  `${carrier} ${latin1(data.subarray(screenedBytes, restAt))}`
const flowOf = (carried: Carried): string => `${senderOf(carried)} ${latin1(carried.data.subarray(restAt))}`
