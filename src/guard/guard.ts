import { statSync } from "node:fs"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { systemClock } from "../clock.ts"
import { Fault, reasonOf } from "../errors.ts"
import { armFirewall } from "../firewall/open/open.ts"
import { runCommand } from "../firewall/run-command.ts"
import { findSnapshotTools } from "../firewall/snapshot-tools.ts"
import { findSystemTools } from "../firewall/system-tools.ts"
import type { ToListener } from "../listener/messages.ts"
import { favourGuard } from "../listener/priority.ts"
import { openEventLog } from "../report/logger.ts"
import type { Outcome } from "../report/outcome.ts"
import { readSecretFile } from "../sender/secret-source.ts"
import { Change } from "./change.ts"
import { ChangeRules } from "./change-rules.ts"
import {
  type ArmingResult,
  type GuardOrder,
  parseOrder,
  type SessionConfiguration,
  standingSecrets,
} from "./configuration.ts"
import { processesOfThisMachine, wayOf } from "./confirm-way.ts"
import { readConnections } from "./connections.ts"
import { controlHandler } from "./control-handler.ts"
import { openControlSocket } from "./control-socket.ts"
import { owesWayBack, type SessionEnd } from "./deadlines.ts"
import { giveUpOwed, takeUp } from "./earlier-session.ts"
import { FirewallWork } from "./firewall-work.ts"
import { foldersFor, preparePrivateFolder, usableStateFolder } from "./folders.ts"
import { machineGoesDown } from "./going-down.ts"
import { bootId, removeJournal, type SessionJournal, writeJournal } from "./journal.ts"
import { KeptRules } from "./kept-rules.ts"
import { removeLeftovers } from "./leftovers.ts"
import { Listeners } from "./listeners.ts"
import { keepInformed, serviceManager } from "./notify.ts"
import { OwedChange } from "./owed-change.ts"
import { OwedWatch } from "./owed-watch.ts"
import { realTime, startAhead } from "./real-time.ts"
import { Session } from "./session.ts"
import { statusLine } from "./session-status.ts"
import { listenerUser, spawnListener } from "./spawn-listener.ts"
import { tellPeople } from "./tell.ts"
import { warmUpRounds, warmUpSession } from "./warm-up.ts"

/** How long each thing that is put away at the end may take, in milliseconds. */
const lastTaskMs = 5000
/** What a standing guard ends with when it was disarmed: its unit does not arm again then. */
const disarmedCode = 4

/** What reaches the guard from outside: SIGTERM ends it, SIGHUP has it read its secrets again. */
export interface GuardSignals {
  onTerminate(then: () => void): void
  onReload(then: () => void): void
}

/** Tells who arms; false when nobody is there to be told. */
export type Announce = (result: ArmingResult) => boolean

/** Reads the order that the arming command wrote. */
export async function orderFrom(input: Readable): Promise<GuardOrder> {
  return parseOrder(await readAll(input))
}

/**
 * The root process: owns the clock, the secrets, the session and the firewall; holds no packet socket and no terminal.
 * Takes its order, answers once through `announce` whether it is armed, and runs the session to its end.
 *
 * @returns the exit code; the arming command has been told everything by then.
 */
export async function runGuard(
  order: () => Promise<GuardOrder>,
  announce: Announce,
  signals: GuardSignals,
): Promise<number> {
  try {
    const given = await order()
    const how = await holdSession(given, announce, signals)
    return how === "disarmed" && "standing" in given && given.standing ? disarmedCode : 0
  } catch (thrown) {
    const fault =
      thrown instanceof Fault ? thrown : new Fault("state-unknown", `the guard: ${reasonOf(thrown)}`)
    announce({ ready: false, code: fault.code, message: fault.message, hint: fault.hint ?? "" })
    return 1
  }
}

async function holdSession(
  order: GuardOrder,
  announce: Announce,
  signals: GuardSignals,
): Promise<SessionEnd> {
  favourGuard()
  const manager = serviceManager(process.env)
  const folders = foldersFor(process.env)
  preparePrivateFolder(folders.runtime)
  const notes: string[] = []
  const stateFolder = usableStateFolder(folders, notes)
  const undo: (() => void | Promise<void>)[] = []
  const watchers = new Set<(value: unknown) => void>()
  let session: Session | undefined
  try {
    const control = await openControlSocket(
      folders.runtime,
      controlHandler(() => session, watchers),
    )
    undo.push(() => control.close())
    removeLeftovers(folders.runtime)
    const journal = takeUp(order, folders.runtime)
    const configuration = journal?.configuration ?? ("resume" in order ? undefined : order.configuration)
    if (configuration === undefined)
      throw new Fault("refused", "there is no session to go on with", { hint: "`fw-watchdog` arms one" })

    const log = openEventLog(join(stateFolder, "events.log"))
    undo.push(() => log.close())
    const people = tellPeople(runCommand, configuration.quiet)
    const emit = (outcome: Outcome): void => {
      log.write(outcome)
      people.tell(outcome)
      for (const watcher of watchers) watcher({ outcome })
    }
    const shared = { run: runCommand, clock: systemClock, emit }
    const rules = new KeptRules({ ...shared, stateFolder, runtimeFolder: folders.runtime })
    const owed = new OwedWatch({ ...shared, rules, stateFolder })
    const owedChange = new OwedChange(stateFolder, emit)
    if (journal === undefined) {
      giveUpOwed(stateFolder, notes)
      await rules.takeAtArming()
    } else await rules.resume({ arming: journal.armingSnapshot, lastOpen: journal.lastOpenSnapshot })
    const leftAsleep = journal?.opening === undefined ? undefined : rules.awakeAtArming
    const firewall = await armFirewall({
      ...shared,
      start: startAhead,
      async keep(done) {
        const path = await rules.keep(done, work.opens === 0 ? journal?.opening : undefined)
        opened.rulesKept()
        return path
      },
      ...(leftAsleep === undefined ? {} : { leftAsleep }),
    })
    undo.push(() => firewall.close())
    const changeRules = new ChangeRules(
      { ...shared, runHere: runCommand, tools: findSnapshotTools(), system: findSystemTools() },
      rules,
    )
    const { backends } = firewall.describe()
    const work = new FirewallWork({ ...shared, firewall, rules, scope: configuration.scope })
    const change = new Change({
      ...shared,
      rules: changeRules,
      work,
      connections: readConnections,
      wayOf: (pid, connections) => wayOf(pid, connections, processesOfThisMachine),
    })
    change.resume(journal?.change, journal?.lastChange)
    const opened = new Session({
      clock: systemClock,
      configuration,
      work,
      change,
      backends,
      standbys: () => firewall.describe().standbys,
      emit,
      ...(journal === undefined ? {} : { resumed: journal }),
      changed: (state) => {
        const written = keepJournal(folders.runtime, { ...state, rules }, emit)
        owed.owes(owesWayBack(state))
        owedChange.follow(state.change)
        return written
      },
    })
    let filter = ""
    let armed = false
    const listeners = new Listeners({
      spawn: spawnListener,
      startNews: startAhead,
      clock: systemClock,
      setup: listenerSetup(configuration, opened),
      events: {
        onReady: (ready) => {
          if (armed) return // nobody reads what later ones note
          filter = ready.filter
          notes.push(...ready.notes)
        },
        onKnock: (knock, answer) => opened.knock(knock, answer),
        onPlain: (plain) => opened.plain(plain),
        onEnded: (why) => opened.listenerEnded(why),
        onReplaced: (why) => opened.listenerReplaced(why),
      },
    })
    opened.watchListener(listeners)
    undo.push(() => listeners.close())
    // A session that is gone on with keeps its promises even if nothing can be heard at the moment.
    const begun = listeners.start(journal !== undefined)
    // While the listener begins. Without it an open is later, and nothing else.
    await Promise.all([begun, warmUpSession(warmUpRounds).catch(() => {})])
    armed = true
    session = opened
    let goingDown = false
    signals.onTerminate(() => {
      manager.stopping()
      void owed.last().finally(async () => {
        goingDown = await machineGoesDown(runCommand)
        owedChange.end(goingDown)
        opened.end("terminated", "the guard was told to end (SIGTERM)")
      })
    })
    signals.onReload(() => reloadSecrets(configuration, opened, listeners, emit))
    opened.begin()
    realTime(process.pid, "guard") // not before: arming is a second's work, with very many rules a minute's
    const { devices } = listeners
    const told = announce({ ready: true, filter, devices, notes: notes.splice(0), backends })
    // Nobody has read that there is a session, or its one-time secret.
    if (!told && journal === undefined) opened.end("disarmed", "who armed the session is gone")
    manager.ready()
    keepInformed(manager, systemClock, () => statusLine(opened.status()))
    if (configuration.forChange !== true) void rules.proveArming() // a change proves its own way back
    const how = await opened.ended
    removeJournal(folders.runtime)
    // What a machine that goes down has taken back comes again with it if somebody saved it for the next boot.
    owed.end(goingDown)
    owedChange.end(goingDown)
    undo.push(() => owedChange.idle())
    return how
  } finally {
    for (const task of undo.reverse()) await atMost(lastTaskMs, task)
  }
}

/** Nothing that has to be put away may keep what is over alive: a disk that hangs, a process that does not end. */
async function atMost(limitMs: number, task: () => void | Promise<void>): Promise<void> {
  const limit = new Promise<void>((resolve) => systemClock.after(limitMs, resolve))
  try {
    await Promise.race([task(), limit])
  } catch {
    // Everything that matters has been done and told.
  }
}

/** Written before anything is at risk, and whenever something changes; without it the session lives as long as its guard. */
function keepJournal(
  runtimeFolder: string,
  state: SessionJournal & { rules: KeptRules },
  emit: (outcome: Outcome) => void,
): boolean {
  const { rules, ...rest } = state
  try {
    writeJournal(runtimeFolder, {
      version: 1,
      bootId: bootId(),
      ...rest,
      armingSnapshot: rules.paths.arming,
      lastOpenSnapshot: rules.paths.lastOpen,
    })
    return true
  } catch (thrown) {
    const message = `a killed guard could not be resumed: ${reasonOf(thrown)}`
    emit({ event: "journal-not-written", code: "state-unknown", message })
    return false
  }
}

/** Parse, validate, then swap: a bad file keeps the secrets as they are and says so. */
function reloadSecrets(
  configuration: SessionConfiguration,
  session: Session,
  listeners: Listeners,
  emit: (outcome: Outcome) => void,
): void {
  if (configuration.secretFile === "")
    return emit({
      event: "reload-refused",
      code: "refused",
      message: "SIGHUP: there is no secret file to read again",
    })
  try {
    // Opening a named pipe would wait for who writes to it, and nothing else would be done meanwhile.
    if (!statSync(configuration.secretFile).isFile())
      throw new Fault("configuration", `${configuration.secretFile} is no file`)
    session.useSecrets(standingSecrets(readSecretFile(configuration.secretFile)))
    listeners.replace("the secrets were read again", listenerSetup(configuration, session))
    emit({ event: "reloaded", code: "done", message: `read ${configuration.secretFile} again` })
  } catch (thrown) {
    const message = `kept the old secrets: ${reasonOf(thrown)}`
    emit({ event: "reload-failed", code: "configuration", message })
  }
}

function listenerSetup(configuration: SessionConfiguration, session: Session): ToListener[] {
  const { devices, from, plain } = configuration
  return [
    { type: "configure", devices, from, plain, ...listenerUser() },
    ...session.screenKeys(),
    { type: "start" },
  ]
}

async function readAll(input: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of input) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}
