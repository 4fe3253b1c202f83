import { messageBytes } from "../knock/request.ts"
import type { Screen } from "../knock/screen.ts"
import type { FromListener } from "../pipe/messages.ts"
import type { Rejection } from "../wire/decoded.ts"
import { decodeFrame, type EchoFrame } from "../wire/frame.ts"
import type { LinkType } from "../wire/link/link.ts"
import { BoundedMap } from "./bounded-map.ts"
import { Duplicates } from "./duplicates.ts"

/** Where an answer to one forwarded knock goes: the frame that carried it, and the capture that can inject there. */
export interface ReturnPath {
  readonly frame: EchoFrame
  /** The device that heard it; `any` cannot be injected on. */
  readonly device: string
}

/** The packet path's means from outside, handed in so that it can be tested without a network. */
export interface PacketPathDeps {
  readonly screen: Screen
  /** Takes the listener's own canary; true when the data was one. */
  readonly takesCanary: (data: Uint8Array) => boolean
  /** True when this echo data holds the `--plain` text; never without one. */
  readonly holdsPlainText: (data: Uint8Array) => boolean
  /** True for this host's own unicast addresses. */
  readonly isLocal: (address: string) => boolean
  /** True for a source that `--from` lets in. */
  readonly isAllowed: (address: string) => boolean
  /** A clock in milliseconds that never steps. */
  readonly nowMs: () => number
  /**
   * True when frames of this device count. With a capture on `any` those on named interfaces hear copies: they tell the
   * return path, and are no packets of their own.
   */
  readonly counts: (device: string) => boolean
  /** Hands a message to the guard; false when the pipe is full and it was dropped. */
  readonly send: (message: FromListener) => boolean
}

/** Copies of one plain packet (bridge and port, both directions of `lo`) arrive within this time, in milliseconds. */
const plainCopyMs = 500
/** The guard takes one plain packet a second; a flood of them is no reason to fill the pipe. Milliseconds. */
const plainPauseMs = 100
/** Return paths that are remembered. */
const pathsKept = 4096

/** A retransmission that came too soon, or the same packet heard on a second device: nothing to tell anybody. */
const copy: Rejection = { stage: "screen", reason: "copy" }

/** There was no time to look at it. */
const overload: Rejection = { stage: "screen", reason: "overload" }

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

interface Heard {
  readonly frame: EchoFrame
  readonly bytes: Uint8Array
  readonly device: string
  readonly linkType: LinkType
}

/**
 * The packet path of the listener: frame in, at most one message out, nothing kept that is not bounded, nothing thrown.
 * Constant work a packet; the cheapest refusals come first.
 */
export class PacketPath {
  readonly #deps: PacketPathDeps
  readonly #duplicates = new Duplicates(pathsKept)
  readonly #plainSeen = new BoundedMap<number>(pathsKept)
  readonly #paths: (ReturnPath | undefined)[] = new Array(pathsKept).fill(undefined)
  readonly #rejected = new Map<string, number>()
  #plainMs = Number.NEGATIVE_INFINITY
  #nextRef = 0
  /** Frames that count, since the start. */
  heard = 0

  constructor(deps: PacketPathDeps) {
    this.#deps = deps
  }

  /** Rejections by `stage/reason`; the reasons are fixed words, so this stays small. */
  rejected(): Record<string, number> {
    return Object.fromEntries(this.#rejected)
  }

  /** The return path of `ref`, or undefined when it has been forgotten. */
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

  /** Takes note of a frame that nobody has time to look at. */
  skip(device: string): void {
    if (!this.#deps.counts(device)) return
    this.heard += 1
    this.#count(overload)
  }

  #judge(bytes: Uint8Array, device: string, linkType: LinkType): Rejection | undefined {
    const decoded = decodeFrame(bytes, linkType)
    if (!decoded.ok) return decoded.rejection
    const frame = decoded.value
    if (frame.echo.kind !== "request") return { stage: "icmp", reason: "not-a-request" }
    if (this.#deps.takesCanary(frame.echo.data)) return undefined
    const heard = { frame, bytes, device, linkType }
    // Before any MAC is computed: a replay costs next to nothing.
    if (this.#isCopy(heard)) return copy
    const { source, destination } = frame.ip
    const screened = this.#deps.screen.check(frame.echo.data)
    const plain = !screened.ok && this.#deps.holdsPlainText(frame.echo.data)
    if (!screened.ok && !plain) return screened.rejection
    // A packet routed through this host, or sent by it to another, is heard too: only its destination tells.
    if (!this.#deps.isLocal(destination)) return { stage: "screen", reason: "not-for-this-host" }
    if (!this.#deps.isAllowed(source)) return { stage: "screen", reason: "source-not-allowed" }
    return plain ? this.#forwardPlain(frame, device) : this.#forwardKnock(heard)
  }

  #isCopy(heard: Heard): boolean {
    const { frame, device } = heard
    if (frame.echo.data.length !== messageBytes) return false
    const taken = this.#duplicates.takenBy(frame, this.#deps.nowMs())
    if (taken === undefined) return false
    // The copy from a named interface tells where to inject; the one from `any` came first and could not.
    if (!taken.sameFlow || device === "any") return true
    const path = this.pathOf(taken.ref)
    // The same bytes have passed the screen; another packet of that flow may be for another host.
    const completes = path?.device === "any" && sameBytes(path.frame.echo.data, frame.echo.data)
    if (completes && this.#deps.isLocal(frame.ip.destination)) this.#keepPath(taken.ref, heard)
    return true
  }

  #forwardKnock(heard: Heard): Rejection | undefined {
    const { frame, device } = heard
    const { source, destination } = frame.ip
    const flow = this.#duplicates.kindOf(frame)
    this.#nextRef += 1
    const ref = this.#nextRef
    const data = Buffer.from(frame.echo.data).toString("hex")
    if (!this.#deps.send({ type: "knock", ref, data, source, destination, device, flow }))
      return { stage: "screen", reason: "pipe-full" }
    // The guard is at work already; its answer comes in a later turn.
    this.#keepPath(ref, heard)
    this.#duplicates.note(frame, flow, ref, this.#deps.nowMs())
    return undefined
  }

  #keepPath(ref: number, { bytes, device, linkType }: Heard): void {
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
    if (now - this.#plainMs < plainPauseMs) return { stage: "plain", reason: "too-soon" }
    this.#plainMs = now
    const sent = this.#deps.send({ type: "plain", source, destination, device })
    return sent ? undefined : { stage: "screen", reason: "pipe-full" }
  }

  #count({ stage, reason }: Rejection): void {
    const key = `${stage}/${reason}`
    this.#rejected.set(key, (this.#rejected.get(key) ?? 0) + 1)
  }
}
