import { join } from "node:path"
import type { Readable } from "node:stream"
import { Fault, reasonOf } from "../errors.ts"
import { openEventLog } from "../report/event-log.ts"
import type { Outcome } from "../report/outcome.ts"
import { tellPeople } from "../system/broadcast.ts"
import { readConnections } from "../system/network/tcp-connections.ts"
import { favourGuard, realTime } from "../system/process/real-time-priority.ts"
import { runCommand } from "../system/process/run-command.ts"
import { systemClock } from "../system/system-clock.ts"
import { within } from "../system/within.ts"
import { assembleSession } from "./assemble.ts"
import { controlHandler } from "./control/handler.ts"
import { openControlSocket } from "./control/server.ts"
import { takeUp } from "./launch/earlier-session.ts"
import { type ArmingResult, type GuardOrder, parseOrder } from "./launch/order.ts"
import { keepInformed, serviceManager } from "./launch/systemd-notify.ts"
import { leftBehind } from "./machine/left-behind.ts"
import type { SessionEnd } from "./machine/record.ts"
import { statusLine } from "./machine/status.ts"
import { machineGoesDown } from "./reboot/machine-shutdown.ts"
import { reloadSecrets } from "./runtime/reload-secrets.ts"
import type { Runtime } from "./runtime/runtime.ts"
import { foldersFor, preparePrivateFolder, usableStateFolder } from "./state/folders.ts"
import { hasJournal, removeJournal } from "./state/journal.ts"
import { removeLeft } from "./state/left-file.ts"
import { removeLeftovers } from "./state/stale-files.ts"

/** How long each thing that is put away at the end may take, in milliseconds. */
const lastTaskMs = 5000
/** The exit code of a standing guard that was disarmed: its unit does not arm again then. */
const disarmedCode = 4

/** The signals that reach the guard: SIGTERM ends it, SIGHUP has it read its secrets again. */
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
  let armed: Runtime | undefined
  try {
    const control = await openControlSocket(
      folders.runtime,
      controlHandler(() => armed, watchers, readConnections),
    )
    undo.push(() => control.close())
    removeLeftovers(folders.runtime)
    const journal = takeUp(order, folders.runtime, notes)
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
    const { session, sessionRollback, changeRollback, backends, settleIn } = await assembleSession({
      configuration,
      journal,
      read: "read" in order ? order.read : undefined,
      runtimeFolder: folders.runtime,
      stateFolder,
      emit,
      notes,
      atEnd: (task) => undo.push(task),
    })
    const { listeners } = session
    // A session that is gone on with keeps its promises even if nothing can be heard at the moment.
    const ready = await listeners.start(journal !== undefined)
    armed = session
    let goingDown = false
    signals.onTerminate(() => {
      manager.stopping()
      void sessionRollback.last().finally(async () => {
        goingDown = await machineGoesDown(runCommand)
        changeRollback.end(goingDown)
        const message = "the guard was told to end (SIGTERM)"
        session.feed({ type: "told-to-end", how: "terminated", message })
      })
    })
    signals.onReload(() => reloadSecrets(session, emit))
    session.begin()
    // What an earlier session had left is this one's now, and in its journal.
    if (hasJournal(folders.runtime)) removeLeft(folders.runtime)
    const told = announce({
      ready: true,
      filter: ready?.filter ?? "",
      devices: listeners.devices,
      notes: [...notes, ...(ready?.notes ?? [])],
      backends,
    })
    // Nobody has read that there is a session, or its one-time secret.
    if (!told && journal === undefined)
      session.feed({ type: "told-to-end", how: "disarmed", message: "who armed the session is gone" })
    manager.ready()
    keepInformed(manager, systemClock, () => statusLine(session.status(), systemClock.wallMs()))
    await settleIn()
    realTime(process.pid) // not before: all this is a second's work, with very many rules a minute's
    const how = await session.ended
    removeJournal(folders.runtime)
    if (leftBehind(session.record) === undefined) removeLeft(folders.runtime)
    // What a machine that goes down has taken back comes again with it if somebody saved it for the next boot.
    sessionRollback.end(goingDown)
    changeRollback.end(goingDown)
    undo.push(() => changeRollback.idle())
    return how
  } finally {
    for (const task of undo.reverse()) await atMost(lastTaskMs, task)
  }
}

/** Nothing that has to be put away may keep what is over alive: a disk that hangs, a process that does not end. */
async function atMost(limitMs: number, task: () => void | Promise<void>): Promise<void> {
  try {
    await within(systemClock, limitMs, Promise.resolve(task()))
  } catch {
    // Everything that matters has been done and told.
  }
}

async function readAll(input: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of input) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}
