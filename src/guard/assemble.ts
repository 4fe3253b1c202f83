import type { Clock } from "../clock.ts"
import { reasonOf } from "../errors.ts"
import { systemLookDeps } from "../firewall/obstacles/looking.ts"
import { armFirewall } from "../firewall/open/arm-firewall.ts"
import type { Outcome } from "../report/outcome.ts"
import { readConnections } from "../system/network/tcp-connections.ts"
import { startAhead } from "../system/process/real-time-priority.ts"
import { runCommand } from "../system/process/run-command.ts"
import { systemClock } from "../system/system-clock.ts"
import { giveUpOwed } from "./launch/earlier-session.ts"
import { spawnListener, startFirst } from "./listeners/spawn.ts"
import type { SessionConfiguration } from "./machine/configuration.ts"
import { type LeftBehind, takeOver } from "./machine/left-behind.ts"
import { openFacts, openLine } from "./machine/outcomes/open-since.ts"
import { newSession } from "./machine/record.ts"
import { ChangeRollback } from "./reboot/change-rollback.ts"
import { SessionRollback } from "./reboot/session-rollback.ts"
import { DiskRecord } from "./runtime/record-writer.ts"
import { Runtime } from "./runtime/runtime.ts"
import { warmUpRounds, warmUpSession } from "./runtime/warm-up.ts"
import { type Journal, sessionOf } from "./state/journal.ts"
import { leftBehindOf, readLeft } from "./state/left-file.ts"
import { Snapshots } from "./state/snapshots.ts"

/** Everything that a session is made of. */
export interface SessionParts {
  readonly configuration: SessionConfiguration
  /** Of the guard that was killed, whose session this goes on with. */
  readonly journal: Journal | undefined
  /** The file of a snapshot that was taken a moment ago. */
  readonly read: string | undefined
  readonly runtimeFolder: string
  readonly stateFolder: string
  readonly emit: (outcome: Outcome) => void
  /** Takes what whoever arms has to be told. */
  readonly notes: string[]
  /** Takes what has to be put away at the end, last first. */
  readonly atEnd: (task: () => void | Promise<void>) => void
}

/** A session that has not begun, and what a reboot would leave of it. */
export interface AssembledSession {
  readonly session: Runtime
  readonly sessionRollback: SessionRollback
  readonly changeRollback: ChangeRollback
  readonly backends: readonly string[]
  /** Makes the first open sooner and its settling surer; whoever arms does not wait for it. Never rejects. */
  settleIn(): Promise<void>
}

/**
 * Keeps the rules in force, arms the firewall, and puts a session together.
 * @throws Fault `missing` when there is no firewall tool at all
 */
export async function assembleSession(parts: SessionParts): Promise<AssembledSession> {
  const { configuration, journal, runtimeFolder, stateFolder, emit, notes, atEnd } = parts
  const listener = startFirst(spawnListener)
  atEnd(() => listener.close())
  const shared = { run: runCommand, clock: systemClock, emit }
  const snapshots = new Snapshots({ ...shared, stateFolder, runtimeFolder, procNet: "/proc/self/net" })
  const sessionRollback = new SessionRollback({ ...shared, snapshots, stateFolder })
  const changeRollback = new ChangeRollback(stateFolder, emit)
  await snapshots.finishInterrupted()
  if (journal === undefined) giveUpOwed(stateFolder, notes)
  const earlier = journal && sessionOf(journal, (path) => snapshots.load(path), momentOf(systemClock))
  const left = earlier === undefined ? leftBy(runtimeFolder, snapshots, notes) : nothingLeft
  // The rules from before an open that is still in force may be older than all that are kept.
  snapshots.spare({ arming: undefined, lastOpen: left.open?.rules, change: undefined, ...earlier })
  const reading =
    earlier === undefined ? snapshots.takeAtArming(parts.read, notes) : Promise.resolve(earlier.arming)
  reading.catch(() => {}) // heard of below
  const writer = new DiskRecord(runtimeFolder, sessionRollback, changeRollback, emit)
  atEnd(() => writer.close())
  if (earlier?.cutOff === undefined) writer.mark(undefined)
  // While the rules are read.
  const firewall = await armFirewall({
    ...shared,
    start: startAhead,
    ...(earlier?.cutOff === undefined ? {} : { leftAsleep: snapshots.wasAwake(earlier.arming) }),
  })
  atEnd(() => firewall.close())
  const arming = await reading
  // Born as late as can be: no one-way knock from before it counts.
  const record = earlier ?? takeOver(newSession(configuration, arming, momentOf(systemClock)), left)
  const open = openFacts(record)
  if (open !== undefined) notes.push(openLine(open, systemClock.wallMs()))
  const session = new Runtime(
    {
      ...{ ...shared, firewall, snapshots, writer, spawnListener: listener.spawn },
      look: systemLookDeps(runCommand),
      connections: readConnections,
      startNews: startAhead,
    },
    record,
  )
  atEnd(() => session.listeners.close())
  return {
    ...{ session, sessionRollback, changeRollback },
    backends: firewall.describe().backends,
    async settleIn() {
      await warmUpSession(warmUpRounds).catch(() => {})
      firewall.waitForSettling()
    },
  }
}

const nothingLeft: LeftBehind = { open: undefined, lastChange: undefined }

/** The open and the change that the session before this one has left word of. Word that cannot be trusted is no reason not to arm. */
function leftBy(runtimeFolder: string, snapshots: Snapshots, notes: string[]): LeftBehind {
  try {
    const left = readLeft(runtimeFolder)
    return left === undefined ? nothingLeft : leftBehindOf(left, (path) => snapshots.load(path))
  } catch (thrown) {
    notes.push(reasonOf(thrown))
    return nothingLeft
  }
}

function momentOf(clock: Clock): { bootMs: number; wallMs: number } {
  return { bootMs: clock.bootMs(), wallMs: clock.wallMs() }
}
