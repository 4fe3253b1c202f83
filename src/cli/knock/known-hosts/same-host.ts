import { canonicalAddress, namesOf } from "../../../secrets/host-records.ts"
import type { KnownHost } from "./known-hosts.ts"

/** True when this is one of the names or addresses that the host goes by here. */
export function isCalled(known: KnownHost, host: string): boolean {
  return callingsOf(known).includes(canonicalAddress(host))
}

/** True when two that were typed are one host, by all that is kept of them and by the addresses that were found besides. */
export function isOneHost(
  one: KnownHost,
  addresses: readonly string[],
  other: KnownHost,
  otherAddresses: readonly string[],
): boolean {
  const names = [...callingsOf(one), ...addresses.map(canonicalAddress)]
  return [...callingsOf(other), ...otherAddresses.map(canonicalAddress)].some((name) => names.includes(name))
}

const callingsOf = ({ target, name, record }: KnownHost): string[] =>
  [target.host, name, ...(record === undefined ? [] : namesOf(record))].map(canonicalAddress)
