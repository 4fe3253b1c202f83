import type { FirewallState } from "../firewall/open/open.ts"
import type { ArmedBy } from "./configuration.ts"
import type { LastChange, PendingStatus } from "./pending-change.ts"

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
