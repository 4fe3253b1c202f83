import { systemClock } from "../clock.ts"
import { reasonOf } from "../errors.ts"
import { armFirewall } from "../firewall/open/arm-firewall.ts"
import { findTools } from "../firewall/tools/tool-paths.ts"
import type { ToListener } from "../pipe/messages.ts"
import type { Outcome } from "../report/outcome.ts"
import { bootId } from "../system/boot-id.ts"
import { startAhead } from "../system/real-time-priority.ts"
import { runCommand } from "../system/run-command.ts"
import { findSystemTools } from "../system/system-tools.ts"
import { readConnections } from "../system/tcp-connections.ts"
import { Change } from "./change/change.ts"
import { processesOfThisMachine, wayOf } from "./change/confirmation.ts"
import { ChangeRules } from "./change/rules.ts"
import type { SessionConfiguration } from "./configuration.ts"
import { owesWayBack } from "./deadlines.ts"
import { listenerUser, spawnListener } from "./listeners/spawn.ts"
import { Listeners } from "./listeners/supervisor.ts"
import { OwedChange } from "./reboot/change-rollback.ts"
import { giveUpOwed } from "./reboot/earlier-session.ts"
import { OwedWatch } from "./reboot/session-rollback.ts"
import { FirewallWork, type FirewallWorkDeps } from "./rules/operations.ts"
import { KeptRules } from "./rules/rollback-points.ts"
import { Session } from "./session.ts"
import { type Journal, type SessionJournal, writeJournal } from "./state/journal.ts"
import { OpeningMark, OpensUnderWay } from "./state/open-marker.ts"

/** What a session is made of. */
export interface SessionParts {
  readonly configuration: SessionConfiguration
  /** Of the guard that was killed, whose session this goes on with. */
  readonly journal: Journal | undefined
  readonly runtimeFolder: string
  readonly stateFolder: string
  readonly emit: (outcome: Outcome) => void
  /** What whoever arms has to be told; it grows until the listener is ready. */
  readonly notes: string[]
  /** Is called with what has to be put away at the end, last first. */
  readonly atEnd: (task: () => void | Promise<void>) => void
}

/** A session that has not begun, and what its guard sees to beside it. */
export interface AssembledSession {
  readonly session: Session
  readonly listeners: Listeners
  readonly rules: KeptRules
  readonly owed: OwedWatch
  readonly owedChange: OwedChange
  readonly backends: readonly string[]
  /** The capture filter of the first listener; empty before that is ready. */
  readonly filter: () => string
}

/**
 * Keeps the rules in force, arms the firewall, and puts a session together with its change and its listeners.
 * @throws Fault `missing` when there is no firewall tool at all
 */
export async function assembleSession(parts: SessionParts): Promise<AssembledSession> {
  const { configuration, journal, runtimeFolder, stateFolder, emit, notes, atEnd } = parts
  const shared = { run: runCommand, clock: systemClock, emit }
  const rules = new KeptRules({ ...shared, stateFolder, runtimeFolder })
  const owed = new OwedWatch({ ...shared, rules, stateFolder })
  const owedChange = new OwedChange(stateFolder, emit)
  if (journal === undefined) {
    giveUpOwed(stateFolder, notes)
    await rules.takeAtArming()
  } else await rules.resume({ arming: journal.armingSnapshot, lastOpen: journal.lastOpenSnapshot })
  const journalled = (write: () => void): boolean => attempt(write, emit)
  let mark: OpeningMark | undefined
  journalled(() => {
    mark = OpeningMark.in(runtimeFolder)
    atEnd(mark.close.bind(mark))
    if (journal?.opening === undefined) mark.write(undefined)
  })
  const underWay = new OpensUnderWay((state) => journalled(() => mark?.write(state)), journal?.opening)
  const keep: FirewallWorkDeps["rules"]["keep"] = async (opened) => {
    const path = await rules.keep(opened, work.opens === 0 ? journal?.opening : undefined)
    session.rulesKept()
    underWay.rulesKept() // behind the journal, which says where they are
    return path
  }
  const firewall = await armFirewall({
    ...shared,
    start: startAhead,
    keep,
    ...(journal?.opening === undefined ? {} : { leftAsleep: rules.awakeAtArming }),
  })
  atEnd(() => firewall.close())
  const waysOfRules = { keep, goBack: rules.goBack.bind(rules) }
  const { scope } = configuration
  const work = new FirewallWork({ ...shared, firewall, rules: waysOfRules, underWay, scope })
  const changeRules = new ChangeRules(
    { ...shared, runHere: runCommand, tools: findTools(), system: findSystemTools() },
    rules,
  )
  const change = new Change({
    ...shared,
    rules: changeRules,
    work,
    connections: readConnections,
    wayOf: (pid, connections) => wayOf(pid, connections, processesOfThisMachine),
  })
  change.resume(journal?.change, journal?.lastChange)
  const { backends } = firewall.describe()
  const session = new Session({
    ...shared,
    configuration,
    work,
    change,
    backends,
    standbys: () => firewall.describe().standbys,
    ...(journal === undefined ? {} : { resumed: journal }),
    changed(state) {
      const written = journalled(() => keepJournal(runtimeFolder, state, rules.paths))
      owed.owes(owesWayBack(state))
      owedChange.follow(state.change)
      return written
    },
  })
  let filter: string | undefined
  const listeners = new Listeners({
    spawn: spawnListener,
    startNews: startAhead,
    clock: systemClock,
    setup: listenerSetup(configuration, session),
    events: {
      onReady(ready) {
        if (filter !== undefined) return // nobody reads what later ones note
        filter = ready.filter
        notes.push(...ready.notes)
      },
      onKnock: (knock, answer) => session.knock(knock, answer),
      onPlain: (plain) => session.plain(plain),
      onEnded: (why) => session.listenerEnded(why),
      onReplaced: (why) => session.listenerReplaced(why),
    },
  })
  session.watchListener(listeners)
  atEnd(() => listeners.close())
  return { session, listeners, rules, owed, owedChange, backends, filter: () => filter ?? "" }
}

/** What a listener is told before it starts. */
export function listenerSetup(configuration: SessionConfiguration, session: Session): ToListener[] {
  const { devices, from, plain } = configuration
  return [
    { type: "configure", devices, from, plain, ...listenerUser() },
    ...session.screenKeys(),
    { type: "start" },
  ]
}

function keepJournal(runtimeFolder: string, state: SessionJournal, paths: KeptRules["paths"]): void {
  writeJournal(runtimeFolder, {
    version: 1,
    bootId: bootId(),
    ...state,
    armingSnapshot: paths.arming,
    lastOpenSnapshot: paths.lastOpen,
  })
}

/** What is written before anything is at risk, and whenever something changes; without it the session lives as long as its guard. */
function attempt(write: () => void, emit: (outcome: Outcome) => void): boolean {
  try {
    write()
    return true
  } catch (thrown) {
    const message = `a killed guard could not be resumed: ${reasonOf(thrown)}`
    emit({ event: "journal-not-written", code: "state-unknown", message })
    return false
  }
}
