import { isIP } from "node:net"
import { Fault } from "../errors.ts"
import { findSshConnection } from "../system/network/ssh-connection.ts"
import { withoutZone } from "../wire/address.ts"

/** The way in that a change must not shut. */
export interface SshConnection {
  /** IPv4 or IPv6; a link-local one with its zone, as ssh writes it: fe80::1%eth0 */
  readonly clientAddress: string
  /** Undefined: the address that this machine answers the client from. */
  readonly serverAddress: string | undefined
  readonly serverPort: number
}

/** The operator's own word about the way in: `--from ADDRESS --to tcp/PORT`. */
export interface SshClientOptions {
  readonly from?: string
  readonly to?: string
}

/**
 * Finds the connection whose like has to get in afterwards: the one that `--from` and `--to` name, else the ssh
 * connection that this command was given over.
 * @param parent the process to look for SSH_CONNECTION from, when `environment` does not have it
 * @returns undefined on a console
 * @throws Fault `usage` for an address or a port that is none
 */
export function findSshClient(
  options: SshClientOptions,
  environment: Readonly<Record<string, string | undefined>>,
  parent: number,
): SshConnection | undefined {
  const port = options.to === undefined ? undefined : readPort(options.to)
  const found = findSshConnection(environment, parent)
  if (options.from !== undefined) {
    if (isIP(withoutZone(options.from)) === 0)
      throw new Fault("usage", `--from "${options.from}": an IPv4 or IPv6 address is wanted`)
    return {
      clientAddress: options.from,
      serverAddress: undefined,
      serverPort: port ?? found?.serverPort ?? 22,
    }
  }
  if (found === undefined) {
    if (port === undefined) return undefined
    throw new Fault("usage", `--to "${options.to}" without --from, and this is no ssh connection`, {
      hint: "say where you come from with --from ADDRESS",
    })
  }
  const { clientAddress, serverAddress, serverPort } = found
  return { clientAddress, serverAddress, serverPort: port ?? serverPort }
}

function readPort(text: string): number {
  const port = Number(/^(?:tcp\/)?(\d{1,5})$/.exec(text)?.[1] ?? 0)
  if (port >= 1 && port <= 65535) return port
  throw new Fault("usage", `--to "${text}": a port such as tcp/22 is wanted`)
}
