import { createConnection } from "node:net"
import { dirname } from "node:path"
import { Fault, reasonOf } from "../../errors.ts"
import { LineReader } from "../../pipe/line-reader.ts"
import { formatDuration } from "../../report/duration.ts"
import type { Outcome } from "../../report/outcome.ts"
import { type SessionStatus, untoldBefore0_2 } from "../machine/status.ts"
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
    const { armedBy, secondsLeft } = await askOnce(dirname(path), { command: "status" })
    const from = armedBy.from === "" ? "" : ` from ${armedBy.from}`
    which = `: by ${armedBy.user}${from}, ${formatDuration(secondsLeft * 1000)} left`
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

type Question = Exclude<ControlCommand, { command: "watch" }>
type AnswerTo<Q extends Question> = Q extends { command: "status" }
  ? SessionStatus
  : { readonly outcome: Outcome }

/** Nobody answers on the control socket, or whoever did went away without an answer. */
export class NoGuard extends Fault {}

/**
 * Sends one command to the guard of this namespace and takes its one answer. `disarm` takes longer: until the guard has gone,
 * so that another session can be armed.
 * @throws NoGuard `refused` when no session is armed, `state-unknown` when the guard went away without an answer
 * @throws Fault `refused` when the session does not take the command now, `permission` when the socket may not be used,
 *   `state-unknown` when there is no answer within two minutes (`apply` takes as long as it takes)
 */
export async function askOnce<Q extends Question>(runtimeFolder: string, question: Q): Promise<AnswerTo<Q>> {
  const { command } = question
  let answer: Record<string, unknown> | undefined
  await converse(runtimeFolder, question, command === "apply" ? undefined : answerMs, (value) => {
    answer ??= value
    return command === "disarm" && value.error === undefined
  })
  if (answer?.error !== undefined)
    throw new Fault("refused", `the session here does not take "${command}" now: ${answer.error}`, {
      hint: "try again in a moment; one of another version may not know it (`fw-watchdog status` says which it is)",
    })
  if (answer === undefined || (command !== "status" && answer.outcome === undefined))
    throw new NoGuard("state-unknown", `the guard is gone and gave no answer to "${command}"`, {
      hint: "`fw-watchdog status` tells whether a session is armed",
    })
  return answer as AnswerTo<Q>
}

/**
 * Hands the status of the session and then every event to `onValue` as it happens. Resolves when the guard closes the
 * connection or `onValue` returns false.
 * @throws NoGuard `refused` when no session is armed; Fault `permission` when the socket may not be used
 */
export async function watchGuard(
  runtimeFolder: string,
  onValue: (value: Record<string, unknown>) => boolean,
): Promise<void> {
  await converse(runtimeFolder, { command: "watch" }, undefined, onValue)
}

/** @param timeoutMs how long the guard may say nothing */
async function converse(
  runtimeFolder: string,
  command: ControlCommand,
  timeoutMs: number | undefined,
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
    if (timeoutMs !== undefined)
      socket.setTimeout(timeoutMs, () => {
        socket.destroy()
        reject(
          new Fault(
            "state-unknown",
            `the guard gave no answer to ${command.command} within ${formatDuration(timeoutMs)}`,
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
      else if (cause.code === "ECONNRESET" || cause.code === "EPIPE")
        resolve() // it ended, as "close" tells
      else reject(new Fault("state-unknown", `cannot talk to the session: ${reasonOf(cause)}`))
    })
    socket.once("close", () => resolve())
  })
}

function parseAnswer(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== "object" || value === null) return undefined
    return "event" in value && value.event === "status"
      ? { ...untoldBefore0_2, ...value }
      : (value as Record<string, unknown>)
  } catch {
    return undefined
  }
}

/** Nobody answers: there is no session, or its guard was killed and left a journal. */
function noSession(runtimeFolder: string): NoGuard {
  if (!hasJournal(runtimeFolder))
    return new NoGuard("refused", "no session is armed here", { hint: "`fw-watchdog` arms one" })
  return new NoGuard("refused", "the guard of the session here is gone, and its journal is still there", {
    hint: "`fw-watchdog resume` goes on with it, what it owes included",
  })
}
