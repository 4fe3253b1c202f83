import { join } from "node:path"
import type { Readable } from "node:stream"
import { systemClock } from "../clock.ts"
import { Fault, reasonOf } from "../errors.ts"
import { armFirewall } from "../firewall/open.ts"
import { runCommand } from "../firewall/run-command.ts"
import type { ToListener } from "../listener/messages.ts"
import { openEventLog } from "../report/logger.ts"
import type { Outcome } from "../report/outcome.ts"
import { readSecretFile } from "../sender/secret-source.ts"
import {
  type ArmingResult,
  parseConfiguration,
  type SessionConfiguration,
  standingSecrets,
} from "./configuration.ts"
import { type ControlHandler, openControlSocket } from "./control-socket.ts"
import { FirewallWork } from "./firewall-work.ts"
import { foldersFor, preparePrivateFolder } from "./folders.ts"
import { KeptRules } from "./kept-rules.ts"
import { Listeners } from "./listeners.ts"
import { Session } from "./session.ts"
import { listenerUser, spawnListener } from "./spawn-listener.ts"

/** What reaches the guard from outside: SIGTERM ends it, SIGHUP has it read its secrets again. */
export interface GuardSignals {
  onTerminate(then: () => void): void
  onReload(then: () => void): void
}

/**
 * The root process: owns the clock, the secrets, the session and the firewall; holds no packet socket and no terminal.
 * Reads its configuration from `input`, answers once through `announce` whether it is armed, and runs the session to
 * its end.
 *
 * @returns the exit code; the arming command has been told everything by then.
 */
export async function runGuard(
  input: Readable,
  announce: (result: ArmingResult) => void,
  signals: GuardSignals,
): Promise<number> {
  try {
    const configuration = parseConfiguration(await readAll(input))
    await holdSession(configuration, announce, signals)
    return 0
  } catch (thrown) {
    const fault =
      thrown instanceof Fault ? thrown : new Fault("state-unknown", `the guard: ${reasonOf(thrown)}`)
    announce({ ready: false, code: fault.code, message: fault.message, hint: fault.hint ?? "" })
    return 1
  }
}

async function holdSession(
  configuration: SessionConfiguration,
  announce: (result: ArmingResult) => void,
  signals: GuardSignals,
): Promise<void> {
  const folders = foldersFor(process.env)
  preparePrivateFolder(folders.runtime)
  preparePrivateFolder(folders.state)
  const undo: (() => void | Promise<void>)[] = []
  const watchers = new Set<(value: unknown) => void>()
  let session: Session | undefined
  try {
    const control = await openControlSocket(
      folders.runtime,
      controlHandler(() => session, watchers),
    )
    undo.push(() => control.close())
    const log = openEventLog(join(folders.state, "events.log"))
    undo.push(() => log.close())
    const emit = (outcome: Outcome): void => {
      log.write(outcome)
      for (const watcher of watchers) watcher({ outcome })
    }
    const rules = new KeptRules({
      run: runCommand,
      clock: systemClock,
      stateFolder: folders.state,
      runtimeFolder: folders.runtime,
      emit,
    })
    await rules.takeAtArming()
    const firewall = await armFirewall({
      run: runCommand,
      clock: systemClock,
      stateFolder: folders.state,
      keep: rules.keep,
    })
    undo.push(() => firewall.close())
    const { backends } = firewall.describe()
    const work = new FirewallWork({
      run: runCommand,
      clock: systemClock,
      firewall,
      rules,
      scope: configuration.scope,
      emit,
    })
    const opened = new Session({ clock: systemClock, configuration, work, backends, emit })
    session = opened
    let ready: { devices: readonly string[]; filter: string; notes: readonly string[] } | undefined
    const listener = new Listeners({
      spawn: spawnListener,
      clock: systemClock,
      setup: listenerSetup(configuration, opened),
      events: {
        onReady: (message) => {
          ready = message
        },
        onKnock: (knock, answer) => opened.knock(knock, answer),
        onPlain: (plain) => opened.plain(plain),
        onEnded: (why) => opened.listenerEnded(why),
        onReplaced: (why) => opened.listenerReplaced(why),
      },
    })
    opened.watchListener(listener)
    undo.push(() => listener.stop())
    await listener.start()
    signals.onTerminate(() => opened.end("terminated", "the guard was told to end (SIGTERM)"))
    signals.onReload(() => reloadSecrets(configuration, opened, listener, emit))
    opened.begin()
    announce({
      ready: true,
      filter: ready?.filter ?? "",
      devices: ready?.devices ?? [],
      notes: ready?.notes ?? [],
      backends,
    })
    void rules.proveArming()
    await opened.ended
  } finally {
    for (const task of undo.reverse()) await task()
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
    session.useSecrets(standingSecrets(readSecretFile(configuration.secretFile)))
    listeners.replace("the secrets were read again", listenerSetup(configuration, session))
    emit({ event: "reloaded", code: "done", message: `read ${configuration.secretFile} again` })
  } catch (thrown) {
    const message = `kept the old secrets: ${reasonOf(thrown)}`
    emit({ event: "reload-failed", code: "configuration", message })
  }
}

function controlHandler(
  session: () => Session | undefined,
  watchers: Set<(value: unknown) => void>,
): ControlHandler {
  return {
    handle(command, reply, closed) {
      const current = session()
      if (current === undefined) return reply({ error: "still arming" })
      switch (command.command) {
        case "disarm":
          return reply({
            outcome: current.end("disarmed", `disarmed by ${command.by}; the firewall stays as it is`),
          })
        case "undo":
          return void current.undo().then((outcome) => reply({ outcome }))
        case "status":
          return reply(current.status())
        case "watch":
          reply(current.status())
          watchers.add(reply)
          closed(() => watchers.delete(reply))
      }
    },
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
