import { BlockList, isIPv4, isIPv6 } from "node:net"
import { networkInterfaces } from "node:os"

/** How long a look at the interfaces stays good, in milliseconds: an address added a second ago is ours. */
const refreshMs = 1000

/**
 * Tells whether an address is one of this host's own unicast addresses. The interfaces are read at most once a second
 * (getifaddrs, which needs no privilege), so a flood cannot turn this into work.
 *
 * @param nowMs a clock in milliseconds that never steps
 */
export function localAddresses(nowMs: () => number): (address: string) => boolean {
  let own = new Set<string>()
  let readAt = Number.NEGATIVE_INFINITY
  return (address) => {
    const now = nowMs()
    if (now - readAt >= refreshMs) {
      readAt = now
      own = new Set(
        Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address)),
      )
    }
    return own.has(address) || (isIPv4(address) && address.startsWith("127."))
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
