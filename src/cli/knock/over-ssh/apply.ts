import { readFileSync } from "node:fs"
import { basename } from "node:path"
import { monotonicClock } from "../../../clock.ts"
import { Fault, reasonOf } from "../../../errors.ts"
import { exitCodeFor, type Outcome } from "../../../report/outcome.ts"
import { within } from "../../../system/within.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import { type Armed, armServer } from "./arm.ts"
import { Interrupt } from "./interrupt.ts"
import type { SshMeans } from "./login.ts"
import type { SshOptions } from "./options.ts"
import { type NewConnection, openNewConnection } from "./road/new-connection.ts"
import { Server } from "./server.ts"

/** A change goes back by itself long before this; milliseconds. */
const knockMs = 5000
/** The longest that taking away what was copied may take; milliseconds. */
const removeMs = 5000

/**
 * `fw-knock apply HOST FILE`: the whole safe change from here. Arms or joins, proves the way in, has `fw-apply` make the change there,
 * proves by a new connection that ssh still gets in, and confirms; where it does not, the change goes back at once.
 * @param more options of `fw-apply` there
 * @returns the exit code, fw-apply's; everything has been said
 */
export async function apply(
  typed: string,
  file: string,
  options: SshOptions,
  more: readonly string[],
  terminal: Terminal,
  host: ProgramHost,
): Promise<number> {
  const content = readInput(file)
  const interrupt = new Interrupt()
  try {
    const outcome = more.some((option) => /^--(check|print)\b/.test(option))
      ? await tryThere(typed, { file, content }, options, more, { terminal, host, interrupt })
      : await changeThere(typed, { file, content }, options, more, { terminal, host, interrupt })
    terminal.report(outcome)
    return exitCodeFor(outcome.code)
  } finally {
    interrupt.stop()
  }
}

interface Input {
  readonly file: string
  readonly content: Uint8Array
}

type ApplyMeans = Pick<SshMeans, "terminal" | "host" | "interrupt">

const nothingChanged = (): Fault => new Fault("refused", "interrupted; nothing was changed")

/** Only looks: no session is needed. */
async function tryThere(
  typed: string,
  input: Input,
  options: SshOptions,
  more: readonly string[],
  { terminal, host, interrupt }: ApplyMeans,
): Promise<Outcome> {
  terminal.progress(`logging in to ${typed}`)
  const server = await interrupt.during(Server.logIn(typed, options.ssh, host), nothingChanged)
  try {
    return await withCopy(server, input, interrupt, (copy) =>
      interrupt.during(runApply(server, copy, more, terminal), nothingChanged),
    )
  } finally {
    await server.close()
  }
}

async function changeThere(
  typed: string,
  input: Input,
  options: SshOptions,
  more: readonly string[],
  means: ApplyMeans,
): Promise<Outcome> {
  const { terminal, interrupt } = means
  const armed = await armServer(typed, { ...options, join: true }, [], { ...means, clock: monotonicClock })
  const { server, wayIn } = armed
  const name = server.target.host
  const cutOff = (): Fault =>
    new Fault("state-unknown", `interrupted while ${name} changes its rules`, {
      hint: `the change goes back by itself, since nobody confirms it; \`fw-knock status ${name}\` tells`,
    })
  try {
    terminal.say(armed.alive.message)
    return await withCopy(server, input, interrupt, async (copy) => {
      const made = await interrupt.during(makeChange(armed, copy, more, terminal), cutOff)
      if (made.event !== "detached") return made
      const ended = await interrupt
        .during(prove(armed, terminal), () => new Interrupted("refused", "interrupted"))
        .catch((thrown) => {
          if (thrown instanceof Interrupted) return goBack(armed, "interrupted")
          throw thrown
        })
      if (ended.event !== "confirmed") return ended
      if (more.includes("--save")) return await save(server, copy, ended, terminal)
      return {
        ...ended,
        hint: `a reboot ends it: the same with -- --save keeps it; fw-knock disarm ${name} ends the session`,
      }
    })
  } finally {
    wayIn.close()
    await server.close()
  }
}

/** Ctrl-C while a change waits. */
class Interrupted extends Fault {}

/** A file that was copied there, in a folder of its own. */
interface Copy {
  readonly folder: string
  readonly path: string
  /** It is not there any more, or will not be in a moment. */
  isGone: boolean
}

/** Copies a file there, and removes it when it is not needed any more. */
async function withCopy<T>(
  server: Server,
  { file, content }: Input,
  interrupt: Interrupt,
  use: (copy: Copy) => Promise<T>,
): Promise<T> {
  const folder = await interrupt.during(server.copy(basename(file), content), nothingChanged)
  const copy: Copy = { folder, path: `${folder}/${basename(file)}`, isGone: false }
  try {
    return await use(copy)
  } finally {
    const remove = async (): Promise<unknown> => await server.master.run({ command: `exec rm -rf ${folder}` })
    // The rules may have cut this login off.
    if (!copy.isGone) await within(monotonicClock, removeMs, remove()).catch(() => {})
  }
}

/** Makes the change there. A login that it has cut off tells nothing: then a new connection does. */
async function makeChange(
  armed: Armed,
  copy: Copy,
  more: readonly string[],
  terminal: Terminal,
): Promise<Outcome> {
  try {
    return await runApply(armed.server, copy, ["--detach", ...more], terminal)
  } catch (thrown) {
    if (!(thrown instanceof ConnectionGone)) throw thrown
    const connection = await newConnection(armed)
    connection.close()
    if (connection.speaksSsh) throw thrown
    return await goBack(armed, `ssh is cut off: ${connection.why}`)
  }
}

/** The login broke while it ran a command. */
class ConnectionGone extends Fault {}

/** Runs `fw-apply` there. @returns its outcome, with the host's name in front */
async function runApply(
  server: Server,
  copy: Copy,
  more: readonly string[],
  terminal: Terminal,
): Promise<Outcome> {
  const { name } = server.destination
  const { host } = server.target
  terminal.progress(`rehearsing on ${name}`)
  // What is to be saved is needed once more, behind the confirmation.
  const isLast = !more.includes("--save") || !more.includes("--detach")
  const { code, outcome } = await server.runProgram("apply", ["--marked", ...more, copy.path], {
    shown: terminal.json ? "stderr" : "stdout",
    ...(isLast ? { thenRemove: copy.folder } : {}),
  })
  copy.isGone = isLast && (code !== 255 || outcome !== undefined)
  if (outcome !== undefined) {
    // An option of fw-apply stands behind -- here.
    const hint = outcome.hint?.replace(/(^|[ (])--force\b/g, "$1-- --force")
    const told = { ...outcome, message: `${host}: ${outcome.message}`, facts: { host, ...outcome.facts } }
    return hint === undefined ? told : { ...told, hint }
  }
  if (code === 64)
    throw new Fault("usage", `fw-apply on ${name} does not take these options`, {
      hint: "nothing was changed",
    })
  const hint = `what it has changed goes back by itself; \`fw-knock status ${name}\` tells`
  if (code === 255)
    throw new ConnectionGone("state-unknown", `the connection to ${name} broke while fw-apply ran there`, {
      hint,
    })
  throw new Fault("state-unknown", `fw-apply on ${name} ended with exit code ${code} and no answer`, { hint })
}

async function newConnection({ wayIn, road, server }: Armed): Promise<NewConnection> {
  const address = wayIn.proven ?? road.addresses[0] ?? road.host
  return await openNewConnection({ ...road, address, port: server.config.port }, monotonicClock)
}

/** Proves by a new connection that ssh still gets in, and confirms by a knock while it stands; else the change goes back at once. */
async function prove(armed: Armed, terminal: Terminal): Promise<Outcome> {
  const { wayIn } = armed
  const { host } = armed.road
  terminal.progress(`trying a new connection to ${host}`)
  const connection = await newConnection(armed)
  try {
    if (!connection.speaksSsh)
      return await goBack(armed, `a new connection does not get in: ${connection.why}`)
    const confirmed = await wayIn.knock("confirm", knockMs)
    if (confirmed.code === "done")
      return { ...confirmed, message: `${host}: a new connection gets in; confirmed, the change stays` }
    if (confirmed.event === "nothing-to-do")
      return {
        ...confirmed,
        code: "rolled-back",
        message: `${host}: it was not confirmed in time, and has gone back`,
      }
    return await goBack(
      armed,
      `the confirmation was not taken: ${confirmed.message.replace(`${host}: `, "")}`,
    )
  } finally {
    connection.close()
  }
}

/** Takes the change back by a knock. */
async function goBack({ wayIn, road: { host } }: Armed, why: string): Promise<Outcome> {
  const back = await wayIn.knock("rollback", knockMs)
  if (back.code === "done" || back.event === "rolled-back")
    return { ...back, event: "rolled-back", code: "rolled-back", message: `${host}: ${why}; rolled back` }
  return {
    ...back,
    event: "state-unknown",
    code: "state-unknown",
    message: `${host}: ${why}; the rollback: ${back.message.replace(`${host}: `, "")}`,
    hint: `it goes back by itself in time; \`fw-knock probe ${host}\` tells whether the session lives`,
  }
}

/** A confirmation by a knock saves nothing: the same rules again, which are in force, are saved. */
async function save(server: Server, copy: Copy, ended: Outcome, terminal: Terminal): Promise<Outcome> {
  const saved = await runApply(server, copy, ["--save"], terminal)
  return saved.code === "done" ? { ...ended, facts: { ...ended.facts, ...saved.facts } } : saved
}

/** @throws Fault `usage` */
function readInput(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (thrown) {
    throw new Fault("usage", `cannot read ${file}: ${reasonOf(thrown)}`)
  }
}
