import type { Clock } from "../../clock.ts"
import type { RunCommand } from "../../system/run-command.ts"
import type { StartLoader } from "../../system/standby-process.ts"
import type { ReadText } from "../tools/detect.ts"
import type { Dropping, Scope, TableName } from "./backend.ts"

export type { Dropping } from "./backend.ts"

export interface OpenOptions {
  readonly scope: Scope
  /** Everything that `--hard` adds (DESIGN 6). */
  readonly hard: boolean
}

export interface OpenReport {
  /** Every step that had to work worked. */
  readonly ok: boolean
  /** False when nothing there could drop; then no snapshot was kept. */
  readonly changed: boolean
  readonly failures: readonly string[]
  /** Found by the listing afterwards. */
  readonly stillDropping: readonly Dropping[]
  /** The name of the snapshot that `keep` took, when it took one. */
  readonly snapshot?: string
}

export interface OpenInProgress {
  /** Step 1 is in the kernel, or every loader has failed. `changed`: there was something that may have dropped. */
  readonly committed: Promise<{ ok: boolean; changed: boolean; failures: readonly string[] }>
  /** All four steps are done. */
  readonly settled: Promise<OpenReport>
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
  /** It took too long: what is read from now on is not what was there before. */
  readonly givenUp: boolean
}

/** Takes the snapshot between step 1 and step 3, and returns its name. */
export type Keep = (opened: Opened) => Promise<string | undefined>

export interface FirewallState {
  /** "nft 1.0.6", "iptables-nft 1.8.9", ...: the backends that are here. */
  readonly backends: readonly string[]
  /** Legacy tables that the kernel holds now, as "ip filter". */
  readonly legacyTables: readonly string[]
  /** Process ids of the loaders that wait now, by program: "nft", "iptables-legacy-restore", ... */
  readonly standbys: readonly { readonly program: string; readonly pid: number }[]
}

export interface ArmedFirewall {
  /** Never throws, and neither promise rejects. A second open may come at any time. */
  open(options: OpenOptions): OpenInProgress
  /** Lists again. A backend that cannot be listed is named as dropping: "cannot be listed". */
  verify(scope: Scope): Promise<readonly Dropping[]>
  describe(): FirewallState
  close(): Promise<void>
}

export interface FirewallDeps {
  readonly run: RunCommand
  readonly clock: Clock
  readonly log?: (line: string) => void
  readonly keep?: Keep
  /** Where an open was cut off: tells whether a table that sleeps now was put to sleep by it. */
  readonly leftAsleep?: (table: TableName) => boolean
  readonly readText?: ReadText
  readonly start?: StartLoader
}
