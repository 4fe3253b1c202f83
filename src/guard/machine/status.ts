import { formatDuration } from "../../report/duration.ts"
import { type ArmedBy, roadsOf } from "./configuration.ts"
import { surveyFacts } from "./outcomes/open.ts"
import { type OpenFacts, openFacts, openWords } from "./outcomes/open-since.ts"
import { notRestorableNow } from "./outcomes/proof.ts"
import { isOpened, type LastChange, type SessionRecord, secondsLeft, stillDropping } from "./record.ts"

/** The answer to `status`: the `--json` object of native-notes/json.md. Never holds key material. */
export interface SessionStatus {
  readonly event: "status"
  /** Of the package that the guard runs: a session goes on across an upgrade. */
  readonly version: string
  readonly armedBy: ArmedBy
  readonly secondsLeft: number
  /** It ends now: what is under way or owed is done, and nothing else is taken. */
  readonly ending: boolean
  readonly onExpiry: string
  readonly dryRun: boolean
  readonly provenFromOutside: boolean
  readonly secrets: readonly {
    readonly kind: string
    readonly host: string
    readonly name: string
    /** The last knock under it, and until when it is accepted; on the wall clock, in milliseconds. */
    readonly lastUsedMs?: number | undefined
    readonly expiresMs?: number | undefined
  }[]
  readonly plain: boolean
  readonly devices: readonly string[]
  /** The roads that a knock can come by: `icmp`, `tcp/22`. */
  readonly roads: readonly string[]
  /** Three of its own canaries in a row, one each 6 s, were not heard by the listener. */
  readonly deaf: boolean
  readonly guardPid: number
  /** 0 while a new listener is being started. */
  readonly listenerPid: number
  /** Listeners started since arming; 1 unless one ended. */
  readonly listenerStarts: number
  readonly backends: readonly string[]
  /** The loaders that wait for an open, which then needs no new process. */
  readonly standbys: readonly { readonly program: string; readonly pid: number }[]
  readonly accepted: number
  readonly opens: number
  /** Everything that can drop although the firewall was opened; empty before the first open. */
  readonly stillDropping: readonly string[]
  /** Everything that the latest open left alone and that can stop packets; empty before the first open. */
  readonly mayStop: readonly string[]
  /** Everything of that kind which nobody could look for. */
  readonly notLookedAt: readonly string[]
  /** The open that is in force. */
  readonly open?: OpenFacts | undefined
  /** Tables and sets that a rollback or an undo would not bring back, a line each. */
  readonly notRestorable: readonly string[]
  /** How often rules that drop were added after an open. */
  readonly reLocks: number
  /** Frames the captures delivered, and those the kernel had no room for. */
  readonly heard: number
  readonly missed: number
  /** Counts by `stage/reason`. */
  readonly rejected: Readonly<Record<string, number>>
  /** The change that waits for its confirmation. */
  readonly change?:
    | {
        readonly id: string
        readonly user: string
        readonly client: string
        readonly secondsLeft: number
        /** False while the rules are being changed. */
        readonly applied: boolean
        readonly opened: boolean
      }
    | undefined
  /** How the latest one ended. */
  readonly lastChange?: LastChange | undefined
}

/** In the place of everything that a guard of 0.1 does not tell; it hears by ICMP only. */
export const untoldBefore0_2: Partial<SessionStatus> = {
  version: "0.1",
  ending: false,
  roads: ["icmp"],
  mayStop: [],
  notLookedAt: [],
  notRestorable: [],
}

/** The parts of a status that are not the session's: the guard's processes, and what its listeners say. */
export type LiveFacts = Pick<
  SessionStatus,
  | "version"
  | "devices"
  | "deaf"
  | "guardPid"
  | "listenerPid"
  | "listenerStarts"
  | "backends"
  | "standbys"
  | "heard"
  | "missed"
  | "rejected"
>

/** The status of a session: what its record says, and nothing else of it. */
export function statusOf(record: SessionRecord, live: LiveFacts, nowMs: number): SessionStatus {
  const { configuration, change, lastChange } = record
  const { armedBy, onExpiry, dryRun, secrets, plain } = configuration
  return {
    event: "status",
    armedBy,
    secondsLeft: secondsLeft(record, nowMs),
    ending:
      record.ending !== undefined || record.changeOverMs !== undefined || secondsLeft(record, nowMs) === 0,
    onExpiry,
    dryRun,
    provenFromOutside: record.provenFromOutside,
    secrets: secrets.map(({ kind, host, name, expiresMs }) => ({
      ...{ kind, host, name },
      lastUsedMs: record.lastUses.find((use) => use.host === host && use.name === name)?.atMs,
      expiresMs,
    })),
    plain: plain !== "",
    roads: roadsOf(configuration.tcpPorts),
    ...live,
    accepted: record.accepted,
    opens: record.opens,
    stillDropping: stillDropping(record),
    ...surveyFacts(record.watch.survey ?? { found: [], notLooked: [] }),
    open: openFacts(record),
    notRestorable: notRestorableNow(record),
    reLocks: record.watch.reLocks,
    change:
      change === undefined || change.stage === "preparing"
        ? undefined
        : {
            id: change.id,
            user: change.user,
            client: change.client,
            secondsLeft: Math.max(0, Math.ceil((change.deadlineMs - nowMs) / 1000)),
            applied: ["waiting", "comparing", "reverting"].includes(change.stage),
            opened: isOpened(record),
          },
    lastChange,
  }
}

/**
 * The status on one line, for a service manager; without seconds, so that it changes once a minute.
 * @param wallMs the wall clock
 */
export function statusLine(status: SessionStatus, wallMs: number): string {
  const leftMs = Math.ceil(status.secondsLeft / 60) * 60_000
  return [
    ...(status.open === undefined ? [] : [openWords(status.open, wallMs)]),
    `armed by ${status.armedBy.user}, ${formatDuration(leftMs)} left, then ${status.onExpiry}`,
    status.provenFromOutside ? "proven from outside" : "not proven from outside",
    `knocks ${status.accepted}, opens ${status.opens}`,
    ...(status.deaf ? ["DEAF"] : []),
    ...(status.stillDropping.length > 0 ? [`${status.stillDropping.length} can still drop`] : []),
  ].join("; ")
}
