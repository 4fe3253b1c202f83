import { messageBytes } from "../knock/request.ts"
import type { Screen } from "../knock/screen.ts"
import type { FromListener } from "../pipe/messages.ts"
import { type CarrierFrame, decodeCarrier } from "../wire/carrier-frame.ts"
import type { Rejection } from "../wire/decoded.ts"
import type { EchoFrame } from "../wire/frame.ts"
import type { LinkType } from "../wire/link/link.ts"
import { BoundedMap } from "./bounded-map.ts"
import { type Carried, carriedBy, isSameMessage, portOf } from "./carried.ts"
import { Duplicates } from "./duplicates.ts"

/** Where an answer to one forwarded knock goes: the frame that carried it, and the capture that can inject there. */
export interface ReturnPath {
  readonly frame: CarrierFrame
  /** The device that heard it; `any` cannot be injected on. */
  readonly device: string
  /** The answers that went along it: bytes of them, and over TCP the sequence number that they began with. */
  readonly answered: { bytes: number; initial: number | undefined }
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
  /** The TCP ports that knocks are heard at too. */
  readonly tcpPorts: readonly number[]
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

interface Heard {
  readonly carried: Carried
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
    const decoded = decodeCarrier(bytes, linkType)
    if (!decoded.ok) return decoded.rejection
    const found = carriedBy(decoded.value, this.#deps.tcpPorts)
    if (!found.ok) return found.rejection
    const carried = found.value
    const { carrier, frame, data } = carried
    if (this.#deps.takesCanary(data)) return undefined
    const heard = { carried, bytes, device, linkType }
    // Before any MAC is computed: a replay costs next to nothing.
    if (this.#isCopy(heard)) return copy
    const { source, destination } = frame.ip
    const screened = this.#deps.screen.check(data)
    const plain = !screened.ok && carrier === "echo" && this.#deps.holdsPlainText(data)
    if (!screened.ok && !plain) return screened.rejection
    // A packet routed through this host, or sent by it to another, is heard too: only its destination tells.
    if (!this.#deps.isLocal(destination)) return { stage: "screen", reason: "not-for-this-host" }
    if (!this.#deps.isAllowed(source)) return { stage: "screen", reason: "source-not-allowed" }
    return plain ? this.#forwardPlain(frame, device) : this.#forwardKnock(heard)
  }

  #isCopy(heard: Heard): boolean {
    const { carried, device } = heard
    if (carried.data.length !== messageBytes) return false
    const taken = this.#duplicates.takenBy(carried, this.#deps.nowMs())
    if (taken === undefined) return false
    // The copy from a named interface tells where to inject; the one from `any` came first and could not.
    if (!taken.sameFlow || device === "any") return true
    const path = this.pathOf(taken.ref)
    // The same packet has passed the screen; another one of that flow may be for another host.
    if (path?.device !== "any" || !isSameMessage(path.frame, carried.frame)) return true
    if (this.#deps.isLocal(carried.frame.ip.destination)) this.#keepPath(taken.ref, heard, path.answered)
    return true
  }

  #forwardKnock(heard: Heard): Rejection | undefined {
    const { carried, device } = heard
    const { source, destination } = carried.frame.ip
    const flow = this.#duplicates.kindOf(carried)
    this.#nextRef += 1
    const ref = this.#nextRef
    const data = Buffer.from(carried.data).toString("hex")
    const way = { source, destination, device, flow, carrier: carried.carrier, port: portOf(carried) }
    if (!this.#deps.send({ type: "knock", ref, data, ...way }))
      return { stage: "screen", reason: "pipe-full" }
    // The guard is at work already; its answer comes in a later turn.
    this.#keepPath(ref, heard, { bytes: 0, initial: undefined })
    this.#duplicates.note(carried, flow, ref, this.#deps.nowMs())
    return undefined
  }

  #keepPath(ref: number, { bytes, device, linkType }: Heard, answered: ReturnPath["answered"]): void {
    const kept = decodeCarrier(Uint8Array.from(bytes), linkType) // the capture's buffer is overwritten by the next packet
    if (kept.ok) this.#paths[ref % pathsKept] = { frame: kept.value, device, answered }
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
