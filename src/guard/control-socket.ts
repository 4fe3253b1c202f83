import { chmodSync, linkSync, renameSync, rmSync } from "node:fs"
import { createConnection, createServer, type Server, type Socket } from "node:net"
import { dirname, join } from "node:path"
import { Fault, reasonOf } from "../errors.ts"
import { LineReader } from "../listener/lines.ts"
import { hasJournal } from "./journal.ts"
import type { ChangeOrder } from "./pending-change.ts"
import type { SessionStatus } from "./session-status.ts"

/** A command on the control socket: one JSON object a line. The closed set of what root may ask of a running guard. */
export type ControlCommand =
  | { readonly command: "status" }
  /** Puts back what the last open changed; answers when that is done. */
  | { readonly command: "undo" }
  | { readonly command: "extend"; readonly byMs: number }
  | { readonly command: "disarm"; readonly by: string }
  /** Changes the rules; answers when they are in force, or when it is known that they will not be. */
  | { readonly command: "apply"; readonly order: ChangeOrder }
  /** Keeps the change that waits. The process that asks is looked at: over which connection does it come? */
  | { readonly command: "confirm"; readonly pid: number }
  /** Takes back the change that waits; answers when that is done. */
  | { readonly command: "rollback"; readonly by: string }
  /** Answers with the status and then every event as it happens, until either side closes. */
  | { readonly command: "watch" }

/** What answers a command: one JSON object, or for `watch` a stream of them. */
export interface ControlHandler {
  /** `closed` takes what is to be done when the asking side goes away. */
  handle(command: ControlCommand, reply: (value: unknown) => void, closed: (then: () => void) => void): void
}

/** Bytes that may wait for a viewer that does not read (Ctrl-S, a stalled sshd) before it is let go. */
const viewerLimit = 64 * 1024
/** How long an ending guard waits for viewers to read its last words, in milliseconds. */
const farewellMs = 500
/** How long a guard may take for one answer, in milliseconds; putting back rules is the longest. */
const answerMs = 120_000
/** The longest answer that is read, in bytes: a ruleset can have thousands of chains that drop. */
const longestAnswer = 16 * 1024 * 1024
const socketName = "control.sock"

/** The control socket's path below a runtime folder. */
export const controlPath = (runtimeFolder: string): string => join(runtimeFolder, socketName)

function parseCommand(line: string): ControlCommand | undefined {
  try {
    const value = JSON.parse(line) as Record<string, unknown>
    if (value.command === "status" || value.command === "watch" || value.command === "undo")
      return { command: value.command }
    if (value.command === "extend" && Number.isSafeInteger(value.byMs) && (value.byMs as number) > 0)
      return { command: "extend", byMs: value.byMs as number }
    if (value.command === "apply") return parseOrder(value.order)
    if (value.command === "confirm" && Number.isSafeInteger(value.pid))
      return { command: "confirm", pid: value.pid as number }
    if (value.command === "rollback") return { command: "rollback", by: String(value.by ?? "").slice(0, 200) }
    if (value.command === "disarm") return { command: "disarm", by: String(value.by ?? "").slice(0, 200) }
  } catch {
    // Not JSON: answered below like any other unknown command.
  }
  return undefined
}

function parseOrder(value: unknown): ControlCommand | undefined {
  const order = value as ChangeOrder
  const texts = [order.id, order.user, order.client, order.candidate, order.rehearsed]
  const numbers = [order.withinMs, order.sshPort]
  const flags = [order.force, order.save]
  const sound =
    texts.every((text) => typeof text === "string") &&
    numbers.every((number) => Number.isSafeInteger(number) && number >= 0) &&
    flags.every((flag) => typeof flag === "boolean")
  return sound ? { command: "apply", order } : undefined
}

/**
 * Listens on the control socket (0600, in a 0700 folder). A name that exists is taken over only when nobody answers on
 * it: the socket is bound under a name of its own and then linked, which is atomic, so that of two armings at the same
 * moment one wins.
 *
 * @throws Fault `refused` when a session answers on the socket already.
 */
export async function openControlSocket(
  runtimeFolder: string,
  handler: ControlHandler,
): Promise<{ close(): Promise<void> }> {
  const path = controlPath(runtimeFolder)
  const own = join(runtimeFolder, `control.${process.pid}.sock`)
  rmSync(own, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    serve(socket, handler)
  })
  await listen(server, own)
  chmodSync(own, 0o600)
  try {
    await claim(own, path)
  } catch (thrown) {
    server.close()
    throw thrown
  }
  return {
    async close() {
      rmSync(path, { force: true })
      server.close()
      // Viewers get what waits for them; one that does not read is not waited for.
      const flushed = [...sockets].map((socket) => new Promise<void>((resolve) => socket.end(resolve)))
      await Promise.race([Promise.all(flushed), new Promise((resolve) => setTimeout(resolve, farewellMs))])
      for (const socket of sockets) socket.destroy()
    },
  }
}

/**
 * Is this namespace free for another session? Only claiming the socket makes it sure; asking first is for the words that
 * go with a refusal, where a service manager stands between.
 * @throws Fault `refused` when a session answers
 */
export async function refuseSecondSession(runtimeFolder: string): Promise<void> {
  const path = controlPath(runtimeFolder)
  if (await answers(path)) throw await inUse(path)
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Fault("configuration", `cannot listen on the control socket "${path}": ${reasonOf(cause)}`)),
    )
    server.listen(path, resolve)
  })

async function claim(own: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      linkSync(own, path)
      rmSync(own, { force: true }) // its other name stays behind when a guard is killed; this one would be one more
      return
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown
    }
    if (await answers(path)) throw await inUse(path)
    // Stale. Moved aside and asked once more, in case another arming claimed the name a moment ago.
    const aside = `${own}.stale`
    try {
      renameSync(path, aside)
    } catch {
      continue
    }
    if (await answers(aside)) {
      renameSync(aside, path)
      throw await inUse(path)
    }
    rmSync(aside, { recursive: true, force: true }) // whatever it is
  }
  throw await inUse(path)
}

/** Says which session holds this namespace, as far as its guard tells. */
async function inUse(path: string): Promise<Fault> {
  let which = ""
  try {
    await askGuard(dirname(path), { command: "status" }, (value) => {
      const { armedBy, secondsLeft } = value as Partial<SessionStatus>
      if (armedBy !== undefined) {
        const from = armedBy.from === "" ? "" : ` from ${armedBy.from}`
        which = `: by ${armedBy.user}${from}, ${secondsLeft} s left`
      }
      return false
    })
  } catch {
    // It is arming, or ending.
  }
  return new Fault("refused", `a session is armed already in this network namespace${which}`, {
    hint: "`fw-watchdog status` shows it, `fw-watchdog disarm` ends it",
  })
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

function serve(socket: Socket, handler: ControlHandler): void {
  const reply = (value: unknown): void => {
    if (socket.destroyed) return
    if (socket.writableLength > viewerLimit) socket.destroy()
    else socket.write(`${JSON.stringify(value)}\n`)
  }
  const reader = new LineReader((line) => {
    const command = parseCommand(line)
    if (command === undefined) reply({ error: "unknown command" })
    else handler.handle(command, reply, (then) => socket.once("close", then))
  })
  socket.on("data", (chunk: Buffer) => reader.feed(chunk))
  socket.on("error", () => socket.destroy())
}

/**
 * Sends one command to the guard of this namespace and hands every object it answers to `onValue`.
 * Resolves when the guard closes the connection or `onValue` returns false.
 *
 * @throws Fault `refused` when no session is armed, `permission` when the socket may not be used.
 */
export async function askGuard(
  runtimeFolder: string,
  command: ControlCommand,
  onValue: (value: Record<string, unknown>) => boolean,
): Promise<void> {
  const path = controlPath(runtimeFolder)
  await new Promise<void>((resolve, reject) => {
    const socket = createConnection(path)
    const reader = new LineReader((line) => {
      const value = parseAnswer(line)
      if (value === undefined) {
        socket.destroy()
        reject(
          new Fault("state-unknown", `what answers on the control socket "${path}" is no guard`, {
            hint: "`ss -xlp` shows who has it open",
          }),
        )
      } else if (!onValue(value)) socket.destroy()
    }, longestAnswer)
    socket.once("connect", () => socket.write(`${JSON.stringify(command)}\n`))
    if (command.command !== "watch" && command.command !== "apply")
      socket.setTimeout(answerMs, () => {
        socket.destroy()
        reject(
          new Fault(
            "state-unknown",
            `the guard gave no answer to ${command.command} within ${answerMs / 1000} s`,
          ),
        )
      })
    socket.on("data", (chunk: Buffer) => reader.feed(chunk))
    socket.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EACCES" || cause.code === "EPERM")
        reject(
          new Fault("permission", "cannot talk to the session: the control socket is root's", {
            hint: "run it as root: sudo",
          }),
        )
      else if (cause.code === "ENOENT" || cause.code === "ECONNREFUSED") reject(noSession(runtimeFolder))
      else reject(new Fault("state-unknown", `cannot talk to the session: ${reasonOf(cause)}`))
    })
    socket.once("close", () => resolve())
  })
}

function parseAnswer(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Nobody answers: there is no session, or its guard was killed and left a journal. */
function noSession(runtimeFolder: string): Fault {
  if (!hasJournal(runtimeFolder))
    return new Fault("refused", "no session is armed here", { hint: "`fw-watchdog` arms one" })
  return new Fault("refused", "the guard of the session here is gone, and its journal is still there", {
    hint: "`fw-watchdog resume` goes on with it, what it owes included",
  })
}
