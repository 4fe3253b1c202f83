import { BlockList, isIPv4, isIPv6 } from "node:net"
import { networkInterfaces } from "node:os"
import type { OwnAddress } from "./neighbours.ts"

/** How long a look at the interfaces stays good, in milliseconds: an address added a second ago is ours. */
const refreshMs = 1000

/** This host's own unicast addresses, as they are now. */
export interface LocalAddresses {
  isLocal(address: string): boolean
  /** The interface that has the address and that interface's link address; the loopback has none. */
  ownerOf(address: string): OwnAddress | undefined
  /** All of them, for a filter: canonical text. */
  all(): readonly string[]
}

/**
 * Reads the interfaces at most once a second (getifaddrs, which needs no privilege), so a flood cannot turn this into
 * work.
 *
 * @param nowMs a clock in milliseconds that never steps
 */
export function localAddresses(nowMs: () => number): LocalAddresses {
  let own = new Map<string, OwnAddress | undefined>()
  let readAt = Number.NEGATIVE_INFINITY
  const current = (): typeof own => {
    const now = nowMs()
    if (now - readAt >= refreshMs) {
      readAt = now
      own = new Map()
      for (const [device, list] of Object.entries(networkInterfaces()))
        for (const { address, mac, internal } of list ?? [])
          own.set(
            address,
            internal ? undefined : { device, link: Buffer.from(mac.replaceAll(":", ""), "hex") },
          )
    }
    return own
  }
  return {
    isLocal: (address) => current().has(address) || (isIPv4(address) && address.startsWith("127.")),
    ownerOf: (address) => current().get(address),
    all: () => [...current()].filter(([, owner]) => owner !== undefined).map(([address]) => address),
  }
}

/** Tells whether `--from` lets a source in; no CIDR at all lets everybody in. */
export function allowedSources(cidrs: readonly string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => true
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network, prefix] = cidr.split("/") as [string, string]
    list.addSubnet(network, Number(prefix), isIPv6(network) ? "ipv6" : "ipv4")
  }
  return (address) => list.check(address, isIPv6(address) ? "ipv6" : "ipv4")
}
