import { readFileSync } from "node:fs"
import { inTime, type Lookup, resolveHost, usableAddresses } from "../../../client/resolve.ts"
import type { Clock } from "../../../clock.ts"
import { networkDevices } from "../../../system/network/network-devices.ts"
import { addressFamily } from "../../../wire/address.ts"
import type { KnownHost } from "./known-hosts.ts"

/**
 * The addresses to knock at: the one that was typed, else those that are kept, else what the resolver says, which may need
 * what the firewall drops.
 * @param limitMs for the resolver
 * @param ask a resolver that keeps its own time; this machine's unless told
 * @throws Fault as `resolveHost`
 */
export async function addressesOf(
  { target: { host }, record }: KnownHost,
  family: 4 | 6 | undefined,
  limitMs: number,
  clock: Clock,
  ask: Lookup = (...wanted) => inTime(lookUp(...wanted), limitMs, clock),
): Promise<string[]> {
  const isAddress = addressFamily(host) !== 0
  const kept = isAddress ? [] : usableAddresses(record?.addresses ?? [], family, interfaceNames)
  if (kept.length > 0) return kept
  const name = isAddress ? host : (record?.hostName ?? host)
  return await resolveHost(name, family, ask, interfaceNames)
}

async function lookUp(name: string, family: 0 | 4 | 6): Promise<readonly { readonly address: string }[]> {
  const { lookup } = await import("node:dns/promises")
  return await lookup(name, { all: true, family, verbatim: true })
}

/**
 * The interfaces in the kernel's own list; undefined where there is no such list. Node's list leaves out an interface
 * whose link is only just coming up.
 */
function interfaceNames(): string[] | undefined {
  try {
    return networkDevices(readFileSync("/proc/self/net/dev", "utf8"))
  } catch {
    return undefined
  }
}
