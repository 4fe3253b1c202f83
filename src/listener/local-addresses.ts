import { BlockList, isIPv4, isIPv6 } from "node:net"
import { networkInterfaces } from "node:os"
import type { OwnAddress } from "./neighbour-proxy.ts"

/** An address that the last look did not find is looked for again after so long: one added a second ago is ours. */
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
 * Reads the interfaces (getifaddrs, which needs no privilege) at the first question, and when an address is not found; at
 * most once a second, so a flood cannot turn this into work. A knock to an address that was found waits for no look: the
 * kernel answers that one under the lock of all network configuration (rtnetlink), which a busy script can hold for half a
 * second. An address that goes makes the whole listener outdated (interface-snapshot.ts).
 *
 * @param nowMs a clock in milliseconds that never steps
 */
export function localAddresses(nowMs: () => number): LocalAddresses {
  let own = new Map<string, OwnAddress | undefined>()
  let readAt = Number.NEGATIVE_INFINITY
  const look = (): typeof own => {
    const now = nowMs()
    if (now - readAt >= refreshMs) {
      readAt = now
      const present = interfacesNow()
      if (present === undefined) return own
      own = new Map()
      for (const [device, list] of Object.entries(present))
        for (const { address, mac, internal } of list ?? [])
          own.set(
            address,
            internal ? undefined : { device, link: Buffer.from(mac.replaceAll(":", ""), "hex") },
          )
    }
    return own
  }
  const knowing = (address: string): typeof own => (own.has(address) ? own : look())
  return {
    isLocal: (address) => knowing(address).has(address) || (isIPv4(address) && address.startsWith("127.")),
    ownerOf: (address) => knowing(address).get(address),
    all: () => [...look()].filter(([, owner]) => owner !== undefined).map(([address]) => address),
  }
}

/** Undefined when the kernel has no memory or descriptor left to tell: the packet path throws nothing. */
function interfacesNow(): ReturnType<typeof networkInterfaces> | undefined {
  try {
    return networkInterfaces()
  } catch {
    return undefined
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
