import type { FirewallState } from "../firewall/open/contract.ts"
import type { Change } from "./change/change.ts"
import type { ArmedBy, SessionConfiguration } from "./configuration.ts"
import type { Reception } from "./knocks/receive.ts"
import type { Listeners } from "./listeners/supervisor.ts"
import type { FirewallWork } from "./rules/operations.ts"
import type { LastChange, PendingStatus } from "./state/change-record.ts"

/** What `status` answers: the `--json` object as it is documented in README. Never holds key material. */
export interface SessionStatus {
  readonly event: "status"
  readonly armedBy: ArmedBy
  readonly secondsLeft: number
  readonly onExpiry: string
  readonly dryRun: boolean
  readonly provenFromOutside: boolean
  readonly secrets: readonly { readonly kind: string; readonly host: string; readonly name: string }[]
  readonly plain: boolean
  readonly devices: readonly string[]
  /** The listener has not heard its own canary for 15 s. */
  readonly deaf: boolean
  readonly guardPid: number
  /** 0 while a new listener is being started. */
  readonly listenerPid: number
  /** Listeners started since arming; 1 unless one ended. */
  readonly listenerStarts: number
  readonly backends: readonly string[]
  /** The loaders that wait for an open, which then needs no new process. */
  readonly standbys: FirewallState["standbys"]
  readonly accepted: number
  readonly opens: number
  /** What can drop although the firewall was opened; empty before the first open. */
  readonly stillDropping: readonly string[]
  /** How often something locked again after an open. */
  readonly reLocks: number
  /** Frames the captures delivered, and those the kernel had no room for. */
  readonly heard: number
  readonly missed: number
  /** Counts by `stage/reason`. */
  readonly rejected: Readonly<Record<string, number>>
  /** The change that waits for its confirmation. */
  readonly change?: PendingStatus | undefined
  /** How the latest one ended. */
  readonly lastChange?: LastChange | undefined
}

/** The status as the parts of a session have it now. */
export function statusOf(session: {
  readonly configuration: SessionConfiguration
  readonly backends: SessionStatus["backends"]
  readonly standbys: () => SessionStatus["standbys"]
  readonly work: Pick<FirewallWork, "opens" | "stillDropping" | "reLocks">
  readonly change?: Change
  readonly secondsLeft: number
  readonly reception: Reception
  readonly rejected: SessionStatus["rejected"]
  readonly listener: Listeners | undefined
}): SessionStatus {
  const { configuration, work, change, reception, listener } = session
  return {
    event: "status",
    armedBy: configuration.armedBy,
    secondsLeft: session.secondsLeft,
    onExpiry: configuration.onExpiry,
    dryRun: configuration.dryRun,
    provenFromOutside: reception.provenFromOutside,
    secrets: reception.names(),
    plain: configuration.plain !== "",
    devices: listener?.devices ?? [],
    deaf: listener?.deaf ?? false,
    guardPid: process.pid,
    listenerPid: listener?.pid ?? 0,
    listenerStarts: listener?.starts ?? 0,
    backends: session.backends,
    standbys: session.standbys(),
    accepted: reception.accepted,
    opens: work.opens,
    stillDropping: work.stillDropping,
    reLocks: work.reLocks,
    heard: listener?.counts.heard ?? 0,
    missed: listener?.counts.missed ?? 0,
    rejected: session.rejected,
    change: change?.status,
    lastChange: change?.last,
  }
}

/** The status on one line, for a service manager; without seconds, so that it changes once a minute. */
export function statusLine(status: SessionStatus): string {
  const minutes = Math.ceil(status.secondsLeft / 60)
  return [
    `armed by ${status.armedBy.user}, ${minutes} min left, then ${status.onExpiry}`,
    status.provenFromOutside ? "proven from outside" : "not proven from outside",
    `knocks ${status.accepted}, opens ${status.opens}`,
    ...(status.deaf ? ["DEAF"] : []),
    ...(status.stillDropping.length > 0 ? [`${status.stillDropping.length} can still drop`] : []),
  ].join("; ")
}
