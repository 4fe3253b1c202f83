import type { Clock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import type { KnownHost } from "../known-hosts/known-hosts.ts"
import { install } from "./install.ts"
import type { Interrupt } from "./interrupt.ts"
import type { SshOptions } from "./options.ts"
import type { KnockRoad } from "./road/way-in.ts"
import { roadTo } from "./road.ts"
import { Server } from "./server.ts"

/** The means of a command that goes over ssh. */
export interface SshMeans {
  readonly terminal: Terminal
  readonly host: ProgramHost
  readonly interrupt: Interrupt
  readonly clock: Clock
}

/** A login, and the way that knocks take there. */
export interface LoggedIn {
  /** Who has it closes it. */
  readonly server: Server
  readonly road: KnockRoad
}

/**
 * Logs in, finds the way of the knocks, and installs the package where that was asked for.
 * @throws Fault that says what was done there; the login is closed then
 */
export async function logIn(
  { typed, target }: KnownHost,
  options: SshOptions,
  { terminal, host, interrupt, clock }: SshMeans,
): Promise<LoggedIn> {
  const name = target.host
  terminal.progress(`logging in to ${name}`)
  const server = await interrupt.during(
    Server.logIn(typed, options.ssh, host),
    () => new Fault("refused", `interrupted: nothing was done on ${name}`),
  )
  try {
    const road = await roadTo(server, options, clock)
    if (options.install) await interrupt.during(install(server, terminal), () => installing(name))
    return { server, road }
  } catch (thrown) {
    await server.close()
    throw thrown
  }
}

const installing = (name: string): Fault =>
  new Fault("state-unknown", `interrupted while the package was installed on ${name}`, {
    hint: `look there: ssh ${name} dpkg -s fw-watchdog`,
  })
