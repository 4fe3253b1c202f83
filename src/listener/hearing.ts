import type { Screen } from "../knock/screen.ts"
import { decodeFrame, type EchoFrame } from "../wire/frame.ts"
import type { LinkType } from "../wire/link.ts"
import type { Rejection } from "../wire/reject.ts"
import type { FromListener } from "./messages.ts"
import { Recent } from "./recent.ts"

/** Where an answer to one forwarded knock goes: the frame that carried it, and the capture that can inject there. */
export interface ReturnPath {
  readonly frame: EchoFrame
  /** The device that heard it; `any` cannot be injected on. */
  readonly device: string
}

/** What the packet path needs from outside, so that it can be tested without a network. */
export interface HearingDeps {
  readonly screen: Screen
  /** Takes the listener's own canary; true when the data was one. */
  readonly takesCanary: (data: Uint8Array) => boolean
  /** Does this echo data hold the `--plain` text? Always false without one. */
  readonly holdsPlainText: (data: Uint8Array) => boolean
  /** Is this one of this host's own unicast addresses? */
  readonly isLocal: (address: string) => boolean
  /** Does `--from` let this source in? */
  readonly isAllowed: (address: string) => boolean
  /** A clock in milliseconds that never steps. */
  readonly nowMs: () => number
  /**
   * Do frames of this device count? With a capture on `any` those on named interfaces hear copies: they tell the way
   * back, and are no packets of their own.
   */
  readonly counts: (device: string) => boolean
  /** Hands a message to the guard; false when the pipe is full and it was dropped. */
  readonly send: (message: FromListener) => boolean
}

/** The same knock from the same source is forwarded at most once in this time, in milliseconds. */
const repeatMs = 20
/** Copies of one plain packet (bridge and port, both directions of `lo`) arrive within this time, in milliseconds. */
const plainCopyMs = 500
/** Ways back that are remembered. */
const pathsKept = 4096

/** A retransmission that came too soon, or the same packet heard on a second device: nothing to tell anybody. */
const copy: Rejection = { stage: "screen", reason: "copy" }

interface Forwarded {
  readonly ref: number
  readonly atMs: number
}

/**
 * The packet path of the listener: frame in, at most one message out, nothing kept that is not bounded, nothing thrown.
 * Constant work a packet; the cheapest refusals come first.
 */
export class Hearing {
  readonly #deps: HearingDeps
  readonly #forwarded = new Recent<Forwarded>(pathsKept)
  readonly #plainSeen = new Recent<number>(pathsKept)
  readonly #paths: (ReturnPath | undefined)[] = new Array(pathsKept).fill(undefined)
  readonly #rejected = new Map<string, number>()
  #nextRef = 0
  /** Frames that count, since the start. */
  heard = 0

  constructor(deps: HearingDeps) {
    this.#deps = deps
  }

  /** Rejections by `stage/reason`; the reasons are fixed words, so this stays small. */
  rejected(): Record<string, number> {
    return Object.fromEntries(this.#rejected)
  }

  /** The way back for `ref`, or undefined when it has been forgotten. */
  pathOf(ref: number): ReturnPath | undefined {
    return ref <= this.#nextRef && ref > this.#nextRef - pathsKept ? this.#paths[ref % pathsKept] : undefined
  }

  /** Takes one captured frame; `bytes` may be overwritten as soon as this returns. */
  hear(bytes: Uint8Array, device: string, linkType: LinkType): void {
    const counts = this.#deps.counts(device)
    if (counts) this.heard += 1
    const rejection = this.#judge(bytes, device, linkType)
    if (rejection !== undefined && counts) this.#count(rejection)
  }

  #judge(bytes: Uint8Array, device: string, linkType: LinkType): Rejection | undefined {
    const decoded = decodeFrame(bytes, linkType)
    if (!decoded.ok) return decoded.rejection
    const frame = decoded.value
    if (frame.echo.kind !== "request") return { stage: "icmp", reason: "not-a-request" }
    if (this.#deps.takesCanary(frame.echo.data)) return undefined
    const { source, destination } = frame.ip
    const screened = this.#deps.screen.check(frame.echo.data)
    const plain = !screened.ok && this.#deps.holdsPlainText(frame.echo.data)
    if (!screened.ok && !plain) return screened.rejection
    // A packet routed through this host, or sent by it to another, is heard too: only its destination tells.
    if (!this.#deps.isLocal(destination)) return { stage: "screen", reason: "not-for-this-host" }
    if (!this.#deps.isAllowed(source)) return { stage: "screen", reason: "source-not-allowed" }
    if (plain) return this.#forwardPlain(frame, device)
    return this.#forwardKnock(frame, bytes, device, linkType)
  }

  #forwardKnock(
    frame: EchoFrame,
    bytes: Uint8Array,
    device: string,
    linkType: LinkType,
  ): Rejection | undefined {
    const now = this.#deps.nowMs()
    const { source, destination } = frame.ip
    const data = Buffer.from(frame.echo.data).toString("hex")
    const key = `${source} ${data}`
    const before = this.#forwarded.get(key)
    if (before !== undefined && now - before.atMs < repeatMs) {
      // The copy from a named interface tells where to inject; the one from `any` came first and could not.
      if (this.pathOf(before.ref)?.device === "any") this.#keepPath(before.ref, bytes, device, linkType)
      return copy
    }
    this.#nextRef += 1
    const ref = this.#nextRef
    this.#keepPath(ref, bytes, device, linkType)
    if (!this.#deps.send({ type: "knock", ref, data, source, destination, device }))
      return { stage: "screen", reason: "pipe-full" }
    this.#forwarded.set(key, { ref, atMs: now })
    return undefined
  }

  #keepPath(ref: number, bytes: Uint8Array, device: string, linkType: LinkType): void {
    const kept = decodeFrame(Uint8Array.from(bytes), linkType) // the capture's buffer is overwritten by the next packet
    if (kept.ok) this.#paths[ref % pathsKept] = { frame: kept.value, device }
  }

  #forwardPlain(frame: EchoFrame, device: string): Rejection | undefined {
    const now = this.#deps.nowMs()
    const { source, destination } = frame.ip
    const key = `${source} ${destination} ${frame.echo.identifier} ${frame.echo.sequence}`
    const before = this.#plainSeen.get(key)
    if (before !== undefined && now - before < plainCopyMs) return { stage: "plain", reason: "copy" }
    this.#plainSeen.set(key, now)
    const sent = this.#deps.send({ type: "plain", source, destination, device })
    return sent ? undefined : { stage: "screen", reason: "pipe-full" }
  }

  #count({ stage, reason }: Rejection): void {
    const key = `${stage}/${reason}`
    this.#rejected.set(key, (this.#rejected.get(key) ?? 0) + 1)
  }
}
