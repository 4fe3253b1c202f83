import { screenedBytes, screenMacBytes } from "../knock/request.ts"
import type { EchoFrame } from "../wire/frame.ts"
import { linkSource } from "../wire/link.ts"
import { Recent } from "./bounded-map.ts"

/**
 * After a request was handed on, its copies that come the same way wait so long before one is handed on again: longer each
 * time, since a client sends after 50, 100, 250 and then every 400 ms, and only a replay goes on faster. Milliseconds.
 */
export const pausesMs: readonly number[] = [20, 40, 80, 160, 320]
/** After a quiet time of so many milliseconds the pauses begin anew. */
const quietMs = 2000

/** How a request that was handed on before came: as its first copy did, or in any other way. */
export type WayKind = "first" | "other"

/** The latest copy that was handed on of those that came in one way. */
interface HandedOn {
  /** Source, identifier, link address, and what the screen MAC does not cover. */
  readonly way: string
  readonly ref: number
  readonly atMs: number
  /** How many before it, since the last quiet time. */
  readonly before: number
}

/**
 * Which requests were handed to the guard, and when: so that a retransmission is handed on again, and a replay at full
 * rate is not.
 *
 * Who has heard a knock can send its copies faster than its owner does, and from any source. So the copies that come as the
 * first one did have a turn of their own, with {@link pausesMs}, and all others together have another: a replay from
 * elsewhere takes nothing away from the owner, who came first and goes on sending from where he is. What tells one request
 * from another is its screen MAC; what that does not cover, and everybody can change, only makes it another way.
 */
export class Forwarded {
  readonly #known: Recent<Readonly<Record<WayKind, HandedOn | undefined>>>

  /** @param capacity requests that are remembered, at least */
  constructor(capacity: number) {
    this.#known = new Recent(capacity)
  }

  /**
   * Was a copy of this request of 128 bytes, which nobody has screened yet, handed on in the same turn?
   * @returns that copy's ref, and whether it came the very same way; undefined when this one may be handed on
   */
  takenBy(frame: EchoFrame, nowMs: number): { readonly ref: number; readonly sameWay: boolean } | undefined {
    const known = this.#known.get(nameOf(frame))
    if (known === undefined) return undefined
    const way = wayOf(frame)
    const latest = known.first?.way === way ? known.first : known.other
    if (latest === undefined || nowMs - latest.atMs >= pauseAfter(latest)) return undefined
    return { ref: latest.ref, sameWay: latest.way === way }
  }

  kindOf(frame: EchoFrame): WayKind {
    const first = this.#known.get(nameOf(frame))?.first
    return first === undefined || first.way === wayOf(frame) ? "first" : "other"
  }

  /** Takes note of a request whose screen MAC fits and that was handed on as `kind` under `ref`. */
  note(frame: EchoFrame, kind: WayKind, ref: number, atMs: number): void {
    const name = nameOf(frame)
    const { first, other } = this.#known.get(name) ?? { first: undefined, other: undefined }
    const latest = kind === "first" ? first : other
    const before = latest === undefined || atMs - latest.atMs >= quietMs ? 0 : latest.before + 1
    const handedOn = { way: wayOf(frame), ref, atMs, before }
    this.#known.set(name, kind === "first" ? { first: handedOn, other } : { first, other: handedOn })
  }
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")

const pauseAfter = ({ before }: HandedOn): number => pausesMs[Math.min(before, pausesMs.length - 1)] ?? 0

const restAt = screenedBytes + screenMacBytes
const nameOf = ({ echo }: EchoFrame): string => latin1(echo.data.subarray(screenedBytes, restAt))
const wayOf = ({ link, ip, echo }: EchoFrame): string =>
  `${ip.source} ${echo.identifier} ${latin1(linkSource(link))} ${latin1(echo.data.subarray(restAt))}`
