import { sameBytes } from "../wire/address.ts"
import { decodeArp, encodeArpReply } from "../wire/arp.ts"
import { decodeNeighbour, encodeAdvertisement } from "../wire/neighbour-discovery.ts"

/** One of this host's addresses, and the interface it is on. */
export interface OwnAddress {
  readonly device: string
  /** The interface's 6-byte link address. */
  readonly link: Uint8Array
}

export interface NeighbourProxyDeps {
  readonly ownerOf: (address: string) => OwnAddress | undefined
  /** Puts a frame on a device, if it can. */
  readonly inject: (device: string, frame: Uint8Array) => void
  /** Calls `then` after so many milliseconds. */
  readonly after: (delayMs: number, then: () => void) => void
  /** This host forwards IPv6 packets; a router must go on saying so (RFC 4861 7.2.5). */
  readonly router: boolean
}

/** How long the kernel has for its own answer, in milliseconds; it takes microseconds. */
const kernelMs = 100
/** Questions that can wait for the kernel at one time: what a flood can make this answer is 10 times that a second. */
const mostPending = 64

interface Pending {
  /** The frame that asked. */
  readonly question: Uint8Array
  readonly owner: OwnAddress
  /** Devices that heard it, the lowest first: a bridge port before its bridge. */
  readonly devices: string[]
}

/**
 * Answers for the kernel when somebody asks for this host's link address and the kernel does not: a lockout that also
 * drops ARP (RFC 826) or neighbour discovery (RFC 4861) makes the other side forget our link address within a minute, and then
 * no knock arrives any more. A question is answered only where the interface that has the address heard it, and only after
 * {@link kernelMs} without an answer of the kernel's own, which the capture would have heard leave.
 */
export class NeighbourProxy {
  readonly #deps: NeighbourProxyDeps
  readonly #pending = new Map<string, Pending>()

  constructor(deps: NeighbourProxyDeps) {
    this.#deps = deps
  }

  /**
   * Takes a frame heard on an Ethernet device. Never throws; constant work.
   * @returns whether it was ARP or neighbour discovery, and so nothing for anybody else
   */
  hear(bytes: Uint8Array, device: string): boolean {
    const arp = decodeArp(bytes)
    if (arp.ok) {
      const { operation, senderAddress, targetAddress, senderLink } = arp.value
      if (operation === "reply") this.#settle(senderAddress, targetAddress, senderLink)
      else this.#ask(targetAddress, senderAddress, senderLink, device, bytes)
      return true
    }
    const neighbour = decodeNeighbour(bytes)
    if (!neighbour.ok) return arp.rejection.reason !== "not-arp"
    const { kind, target, ip, link } = neighbour.value
    if (kind === "advertisement") this.#settle(target, ip.destination, link.source)
    else this.#ask(target, ip.source, link.source, device, bytes)
    return true
  }

  #ask(target: string, asker: string, askerLink: Uint8Array, device: string, bytes: Uint8Array): void {
    const owner = this.#deps.ownerOf(target)
    if (owner === undefined || sameBytes(owner.link, askerLink)) return
    const key = `${target} ${asker}`
    const waiting = this.#pending.get(key)
    if (waiting !== undefined) {
      if (!waiting.devices.includes(device)) waiting.devices.push(device)
      return
    }
    if (this.#pending.size >= mostPending) return
    // A copy: the capture overwrites its buffer.
    this.#pending.set(key, { question: Uint8Array.from(bytes), owner, devices: [device] })
    this.#deps.after(kernelMs, () => this.#answer(key))
  }

  /** The kernel's own answer left: nothing is owed any more. */
  #settle(target: string, asker: string, from: Uint8Array): void {
    const key = `${target} ${asker}`
    const waiting = this.#pending.get(key)
    if (waiting !== undefined && sameBytes(waiting.owner.link, from)) this.#pending.delete(key)
  }

  #answer(key: string): void {
    const waiting = this.#pending.get(key)
    if (waiting === undefined) return
    this.#pending.delete(key)
    const { question, owner, devices } = waiting
    const lowest = devices[0]
    if (lowest === undefined || !devices.includes(owner.device)) return
    const frame = this.#frameFor(question, owner.link)
    if (frame !== undefined) this.#deps.inject(lowest, frame)
  }

  #frameFor(question: Uint8Array, own: Uint8Array): Uint8Array | undefined {
    const arp = decodeArp(question)
    if (arp.ok) return encodeArpReply(arp.value, own)
    const neighbour = decodeNeighbour(question)
    return neighbour.ok ? encodeAdvertisement(neighbour.value, { own, router: this.#deps.router }) : undefined
  }
}
