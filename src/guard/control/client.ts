import { createConnection } from "node:net"
import { dirname } from "node:path"
import { Fault, reasonOf } from "../../errors.ts"
import { LineReader } from "../../pipe/line-reader.ts"
import type { SessionStatus } from "../machine/status.ts"
import { hasJournal } from "../state/journal.ts"
import { type ControlCommand, controlPath } from "./commands.ts"

/** How long a guard may take for one answer, in milliseconds; putting back rules is the longest. */
const answerMs = 120_000

/** The longest answer that is read, in bytes: a ruleset can have thousands of chains that drop. */
const longestAnswer = 16 * 1024 * 1024

/**
 * Makes sure that this namespace is free for another session. Only claiming the socket makes it sure; asking first is for the words that
 * go with a refusal, where a service manager stands between.
 * @throws Fault `refused` when a session answers
 */
export async function refuseSecondSession(runtimeFolder: string): Promise<void> {
  const path = controlPath(runtimeFolder)
  if (await answers(path)) throw await inUse(path)
}

/** Says which session holds this namespace, as far as its guard tells. */
export async function inUse(path: string): Promise<Fault> {
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

export const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

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
