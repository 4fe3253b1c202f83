import { Fault } from "../errors.ts"
import { addressFamily } from "../wire/address.ts"
import { canonicalHost } from "./host-name.ts"

/** A host as people name it: to ssh, in a browser, in known_hosts. */
export interface Target {
  readonly user?: string | undefined
  /** As typed, without user, brackets and port. */
  readonly host: string
  readonly port?: number | undefined
}

/** As ssh(1) takes one (OpenSSH ssh.c, valid_ruser): nothing that it or a shell behind it could take for more than a name. */
const userName = /^(?!-)[^\s\p{Cc}'"`;&<>|(){}]*[^\s\p{Cc}'"`;&<>|(){}\\]$/u

/**
 * Reads `[USER@]HOST[:PORT]`. A port behind an IPv6 address wants brackets, `[2001:db8::1]:2222`; without them every colon
 * is the address's own. Names are not looked up.
 * @throws Fault `usage` for what is no host, no user or no port
 */
export function parseTarget(text: string): Target {
  const at = text.lastIndexOf("@") // a user may have one: ada@example.com@web1
  const user = at < 0 ? undefined : text.slice(0, at)
  if (user !== undefined && !userName.test(user))
    throw new Fault("usage", `"${text}" is not a host: no user is named "${user}"`)
  const [host, port] = splitPort(text.slice(at + 1))
  if (host.includes(":") && addressFamily(host) !== 6)
    throw new Fault("usage", `"${text}" is not a host: "${host}" is no IPv6 address`, {
      hint: "with a port: HOST:PORT, [2001:db8::1]:2222",
    })
  canonicalHost(host)
  return { user, host, port: port === undefined ? undefined : portOf(port, text) }
}

/** Tells whether {@link parseTarget} would read it. */
export function isTarget(text: string): boolean {
  try {
    parseTarget(text)
    return true
  } catch {
    return false
  }
}

/** The host, and what stands behind the colon that is not its own. */
function splitPort(text: string): [string, string | undefined] {
  const bracketed = /^\[(.*)\](?::(.*))?$/.exec(text)
  if (bracketed !== null) return [bracketed[1] ?? "", bracketed[2]]
  const [host = "", port, ...more] = text.split(":")
  return more.length > 0 ? [text, undefined] : [host, port]
}

function portOf(text: string, target: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  throw new Fault(
    "usage",
    `"${target}" is not a host and a port: "${text}" is none, a port from 1 to 65535 is wanted`,
  )
}
