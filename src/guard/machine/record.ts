import type { KnockOrigin, Survey } from "../../firewall/obstacles/obstacle.ts"
import type { HardReport } from "../../firewall/open/hard-report.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { Change, LastChange } from "./change.ts"
import type { SessionConfiguration } from "./configuration.ts"
import type { NoUndo, OpenSince } from "./open-since.ts"
import type { SnapshotRef } from "./snapshot-ref.ts"

export type { Change, LastChange } from "./change.ts"
export type { SnapshotRef } from "./snapshot-ref.ts"

/** Why a session ended. */
export type SessionEnd = "expired" | "disarmed" | "terminated" | "change-over"

/** How far an open has come that is under way: `kept` when the rules from before it are, and may be gone. */
export type OpeningState = "begun" | "kept"

/** The rollback that `--open-for` owes. */
export interface Debt {
  /** On the boot clock, in milliseconds. */
  readonly dueMs: number
  /** The wait after the next failure, in milliseconds. */
  readonly retryMs: number
  /** The task of the open that owes it: only a restore that was asked for later pays. */
  readonly open: number
}

/** The end of trying a snapshot out. */
export interface Proof {
  readonly snapshot: SnapshotRef
  readonly restore: "a rollback" | "an undo"
  /** Tables and sets, each with the reason. */
  readonly lost: readonly string[]
}

/** The watch for what locks again after an open. */
export interface Watch {
  /** Counts up with each open and restore, so that a look that was under way then is known to be too late. */
  readonly turn: number
  /** Begun by an open, and not ended by rules that were put in force since. */
  readonly on: boolean
  /** When to look next, on the boot clock; undefined while nothing is watched, or a look or a restore is under way. */
  readonly nextMs: number | undefined
  /** When the latest look began, or the latest open ended, on the boot clock. */
  readonly lookedMs: number
  /** Everything that can drop, as of the latest look or open. */
  readonly dropping: readonly string[]
  /** Everything that the latest `--hard` could not take away. */
  readonly outOfReach: readonly string[]
  /** Everything that the latest open left alone and that can stop packets; undefined before one. */
  readonly survey: Survey | undefined
  /** Events since arming. */
  readonly reLocks: number
}

/** The end of a session that is under way. */
export interface Ending {
  readonly how: SessionEnd
  readonly outcome: Outcome
  /** Nobody waits any longer for what is under way or owed; boot clock, milliseconds. */
  readonly limitMs: number
  /** The control connections that have asked for it. */
  readonly asks: readonly number[]
  /** Everything is done, and what has to outlive the session is being written down. */
  readonly leaving: boolean
}

/** Who has to be told how a task ended: a knock that is to be answered, control connections that wait. */
export interface Asker {
  readonly knock?: number
  readonly asks?: readonly number[]
}

/** A knock that waits for the answers of an open. */
export interface OpenKnock {
  readonly knock: number
  /** It was told of the commit. */
  readonly told: boolean
  /** It came another way than the one that the obstacles are looked for on. */
  readonly elsewhere: boolean
}

/**
 * An open. Its commit goes out at once, whatever is under way; the rest when everything that was asked for before is done.
 * Where a restore came in between it commits once more, since whoever knocked last wants it open. Until the rest begins, others
 * who ask for the same join it: a team that knocks at once waits for two openings, and not for one each.
 */
export interface OpenTask {
  readonly kind: "open"
  readonly id: number
  /** In the order in which they came. */
  readonly knocks: readonly OpenKnock[]
  readonly hard: boolean
  /** Where the first knock came from that asked for it. */
  readonly origin: KnockOrigin | undefined
  readonly stage: "committing" | "committed" | "keeping" | "settling" | "clearing" | "surveying"
  /** A restore was asked for before it, so it has to commit again behind that. */
  readonly again: boolean
  /** Its first commit has ended. */
  readonly answered: boolean
  /** When, on the boot clock, in milliseconds. */
  readonly answeredMs: number
  /** The time from its commit's start to its end, in milliseconds. */
  readonly committedMs: number
  readonly commitFailures: readonly string[]
  readonly changed: boolean
  readonly kept: boolean
  readonly keepFailures: readonly string[]
  /** How often it has settled. */
  readonly rounds: number
  readonly settleFailures: readonly string[]
  /** Everything that a listing at its end still found. */
  readonly dropping: readonly string[]
  /** The end of what `--hard` adds. */
  readonly cleared: HardReport | undefined
}

/** The rules that a restore puts in force. */
export type RestoreTo = "arming" | "last-open" | "before-change" | "candidate"

/** Rules that are put in force when everything that was asked for before is done. */
export interface RestoreTask {
  readonly kind: "restore"
  readonly id: number
  readonly to: RestoreTo
  readonly asker: Asker
  readonly running: boolean
  /** How often it has been tried. */
  readonly tries: number
  /** The reason for it; `debt` is dropped when the debt has been paid meanwhile. */
  readonly cause: "asked" | "debt" | "end" | "change"
  /** Of a revert: the reason, for people. */
  readonly why: string
}

export type Task = OpenTask | RestoreTask

/** A whole session: all that decides what follows from an event. Times are the boot clock's, in milliseconds. */
export interface SessionRecord {
  readonly configuration: SessionConfiguration
  /** Wall clock when the session began: no older one-way knock of a standing secret counts. */
  readonly bornWallMs: number
  /** Another guard began it, and was killed. */
  readonly resumed: boolean
  readonly endsAtMs: number
  /** A session that was armed for one change ends then. */
  readonly changeOverMs: number | undefined
  readonly debt: Debt | undefined
  /** The rules of arming, or of the change that was confirmed last. */
  readonly arming: SnapshotRef | undefined
  /** The rules from before the last open, until they have been restored. */
  readonly lastOpen: SnapshotRef | undefined
  /** The reason why there is no `lastOpen`, where there is none. */
  readonly noUndo: NoUndo
  /** The open that is in force. */
  readonly openSince: OpenSince | undefined
  /** The one that was in force before the last open, and that an undo goes back to. */
  readonly openBefore: OpenSince | undefined
  /** The one that a rollback goes back to. */
  readonly openAtArming: OpenSince | undefined
  /** Everything that a restore of these snapshots would not bring back, as far as they have been tried out. */
  readonly proofs: readonly Proof[]
  /** When the latest open's snapshot is to be proven. */
  readonly proveMs: number | undefined
  /** Everything that is being done to the firewall, in the order it was asked for. */
  readonly tasks: readonly Task[]
  /** The number of the newest task. */
  readonly lastTask: number
  /** The mark on disk of an open that is under way. */
  readonly marked: OpeningState | undefined
  /** How far an open had come whose guard was killed; the first open here ends it. */
  readonly cutOff: OpeningState | undefined
  /** Opens since arming. */
  readonly opens: number
  readonly watch: Watch
  readonly change: Change | undefined
  readonly lastChange: LastChange | undefined
  /** Knocks and plain texts that counted. */
  readonly accepted: number
  /** The last knock of each holder, since this guard began; on the wall clock. */
  readonly lastUses: readonly { readonly host: string; readonly name: string; readonly atMs: number }[]
  /** An authentic knock has come from another host. */
  readonly provenFromOutside: boolean
  readonly ending: Ending | undefined
  /** Nothing acts any more. */
  readonly over: boolean
}

/** Everything that can drop although the firewall was opened; empty before the first open. */
export function stillDropping({ watch }: SessionRecord): readonly string[] {
  return watch.outOfReach.length === 0 ? watch.dropping : [...watch.dropping, ...watch.outOfReach]
}

/** Whole seconds until the session ends, rounded up. */
export function secondsLeft({ endsAtMs }: SessionRecord, nowMs: number): number {
  return Math.max(0, Math.ceil((endsAtMs - nowMs) / 1000))
}

/** Tells whether a change is not what is in force, because of an open that is done or under way. */
export function isOpened({ change, tasks }: SessionRecord): boolean {
  return change?.opened === true || tasks.some(({ kind }) => kind === "open")
}

/** Tells whether this session owes a rollback, sooner or later. */
export function owesRollback({
  configuration,
  debt,
}: Pick<SessionRecord, "configuration" | "debt">): boolean {
  return !configuration.dryRun && (configuration.onExpiry === "rollback" || debt !== undefined)
}

/** Before the first open, and when rules are in force again. */
export const unwatched: Watch = {
  turn: 0,
  on: false,
  nextMs: undefined,
  lookedMs: 0,
  dropping: [],
  outOfReach: [],
  survey: undefined,
  reLocks: 0,
}

/**
 * A session that begins now.
 * @param arming the rules in force, which a rollback restores
 */
export function newSession(
  configuration: SessionConfiguration,
  arming: SnapshotRef | undefined,
  now: { readonly bootMs: number; readonly wallMs: number },
): SessionRecord {
  return {
    configuration,
    bornWallMs: now.wallMs,
    resumed: false,
    endsAtMs: now.bootMs + configuration.timeoutMs,
    changeOverMs: undefined,
    debt: undefined,
    arming,
    lastOpen: undefined,
    noUndo: { why: "no-open" },
    openSince: undefined,
    openBefore: undefined,
    openAtArming: undefined,
    proofs: [],
    proveMs: undefined,
    tasks: [],
    lastTask: 0,
    marked: undefined,
    cutOff: undefined,
    opens: 0,
    watch: unwatched,
    change: undefined,
    lastChange: undefined,
    accepted: 0,
    lastUses: [],
    provenFromOutside: false,
    ending: undefined,
    over: false,
  }
}
