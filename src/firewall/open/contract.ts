import type { Clock } from "../../clock.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import type { StartLoader } from "../../system/process/standby-process.ts"
import type { ReadText } from "../tools/detect.ts"
import type { Dropping, IsLost, Scope, TableName } from "./backend.ts"

export type { Dropping } from "./backend.ts"

export interface OpenOptions {
  readonly scope: Scope
  /** Everything that `--hard` adds (native-notes/firewall.md). */
  readonly hard: boolean
}

/** The end of step 1 of an open. */
export interface Committed {
  /** There was something that may have dropped. */
  readonly changed: boolean
  /** Empty when it is in the kernel. */
  readonly failures: readonly string[]
}

/** The end of a settling. */
export interface Settled {
  readonly changed: boolean
  readonly failures: readonly string[]
  /** Found by the listing afterwards. */
  readonly stillDropping: readonly Dropping[]
}

/**
 * The traces of step 1 in the kernel, which a snapshot has to leave out. To be read after the snapshot has been taken: another
 * open may come meanwhile.
 */
export interface Opened {
  /** nf_tables tables that sleep because of us (`flags dormant`). */
  readonly asleep: readonly TableName[]
  /** The comment on our `accept` at the head of chains in nf_tables tables that hold nat. */
  readonly mark: string
  /** Legacy tables ("iptables-legacy filter") whose builtin chains, nat's excepted, begin with `-j ACCEPT` of ours; once for each. */
  readonly legacyAccepts: readonly string[]
}

export interface FirewallState {
  /** "nft 1.0.6", "iptables-nft 1.8.9", ...: the backends that are here. */
  readonly backends: readonly string[]
  /** Legacy tables that the kernel holds now, as "ip filter". */
  readonly legacyTables: readonly string[]
  /** Process ids of the loaders that wait now, by program: "nft", "iptables-legacy-restore", ... */
  readonly standbys: readonly { readonly program: string; readonly pid: number }[]
}

/**
 * A firewall that can be opened at once. An open is `commit`, then `settle`; in between the rules from before are kept, by
 * whoever opens it.
 */
export interface ArmedFirewall {
  /** Step 1: everything is let through, nothing is lost. Never rejects. May come at any time, behind another one too. */
  commit(options: OpenOptions): Promise<Committed>
  /**
   * The marks that a snapshot taken now has to leave out; undefined when settling would take nothing away, but for `always`.
   * Never rejects.
   */
  opened(scope: Scope, always?: boolean): Promise<Opened | undefined>
  /**
   * Flushes and accepts, wakes what sleeps, and lists again. Never rejects. One at a time.
   * @param isLost tells of tables of nf_tables whose rules no undo could bring back: these go on sleeping instead, where they can
   */
  settle(scope: Scope, isLost: IsLost): Promise<Settled>
  /** Lists again. A backend that cannot be listed is named as dropping: "cannot be listed". */
  verify(scope: Scope): Promise<readonly Dropping[]>
  describe(): FirewallState
  /** Has the commands wait that a settling alone may need: a dozen processes, which whoever arms does not wait for. */
  waitForSettling(): void
  close(): void
}

export interface FirewallDeps {
  readonly run: RunCommand
  readonly clock: Clock
  readonly log?: (line: string) => void
  /** Where an open was cut off: tells whether a table that sleeps now was put to sleep by it. */
  readonly leftAsleep?: (table: TableName) => boolean
  readonly readText?: ReadText
  readonly start?: StartLoader
}
