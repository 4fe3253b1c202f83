import { Fault } from "../errors.ts"

/** A host as it may be written, and as it may be the name of a file: no slash, no dot in front. */
const hostName = /^(?:[a-z0-9_][a-z0-9._:%-]{0,252}|::[a-z0-9:.%-]{0,60})$/

/** True when this could be a host in its canonical form. */
export function isHostName(text: string): boolean {
  return hostName.test(text)
}

/**
 * The one way to write a host: lower case, without a final dot.
 * @throws Fault `usage` for what is no host name and no address
 */
export function canonicalHost(host: string): string {
  const canonical = host.toLowerCase().replace(/\.$/, "")
  if (isHostName(canonical)) return canonical
  throw new Fault("usage", `"${host}" is not a host: a name, an IPv4 or an IPv6 address is wanted`)
}
