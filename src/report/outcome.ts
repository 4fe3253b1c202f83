import { Fault, type FaultCode, reasonOf } from "../errors.ts"

/** How something ended: `done`, or the code of the fault. */
export type OutcomeCode = "done" | FaultCode

/** A value of `--json` and of a log line: plain data, and nothing secret. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }

/**
 * How one thing that a program did ended: the one value from which the operator's line, the log line, the `--json` object
 * and the exit code derive, so that they cannot contradict each other.
 */
export interface Outcome {
  /** The event, as a stable kebab-case word that scripts compare: `opened`, `no-answer`, `armed`. */
  readonly event: string
  readonly code: OutcomeCode
  /** One line for people: lower case, no full stop. Not stable; tests and scripts read `event` and `code`. */
  readonly message: string
  /** The next thing to do, where there is one. */
  readonly hint?: string
  /** Measured facts under stable camelCase keys; undefined ones are left out. */
  readonly facts?: { readonly [key: string]: JsonValue | undefined }
}

/** The exit codes, the same in all three programs (EXIT STATUS in their man pages); 64, 69, 77 and 78 are those of sysexits(3). */
export const exitCodes: Readonly<Record<OutcomeCode, number>> = {
  done: 0,
  refused: 1,
  "rolled-back": 2,
  "state-unknown": 3,
  "no-answer": 4,
  "would-change": 5,
  usage: 64,
  missing: 69,
  permission: 77,
  configuration: 78,
}

// Of several hosts 64 is one that has no secret, 5 one whose session is a dry run.
const worstFirst: readonly OutcomeCode[] = [
  "state-unknown",
  "rolled-back",
  "no-answer",
  "configuration",
  "permission",
  "missing",
  "usage",
  "refused",
  "would-change",
  "done",
]

/** The exit code of an outcome's or a fault's `code`. */
export function exitCodeFor(code: OutcomeCode): number {
  return exitCodes[code]
}

/**
 * The exit code of anything that was thrown. What is not a `Fault` is a bug in this program, and nobody knows how far it
 * got: 3, look now.
 */
export function exitCodeOf(thrown: unknown): number {
  return exitCodes[codeOf(thrown)]
}

/** The worst of several outcomes, as fw-knock(1) orders them; `done` for none. */
export function worstOf(codes: readonly OutcomeCode[]): OutcomeCode {
  return worstFirst.find((code) => codes.includes(code)) ?? "done"
}

/** A thrown fault as the outcome of `facts`' subject (a host, a session). */
export function outcomeOfFault(thrown: unknown, facts: NonNullable<Outcome["facts"]> = {}): Outcome {
  const code = codeOf(thrown)
  const message = thrown instanceof Fault ? thrown.message : `unexpected: ${reasonOf(thrown)}`
  const hint = thrown instanceof Fault ? thrown.hint : "this is a bug in the program; look at the state"
  return { event: code, code, message, ...(hint === undefined ? {} : { hint }), facts }
}

/**
 * The `--json` object, one a line: `event`, `code`, `exitCode`, `message`, `hint` when there is one, then the facts. A fact
 * never overwrites one of the first five.
 */
export function jsonOf(outcome: Outcome): { readonly [key: string]: JsonValue } {
  const object: Record<string, JsonValue> = {
    event: outcome.event,
    code: outcome.code,
    exitCode: exitCodes[outcome.code],
    message: outcome.message,
  }
  if (outcome.hint !== undefined) object.hint = outcome.hint
  for (const [key, value] of Object.entries(outcome.facts ?? {}))
    if (value !== undefined && !(key in object)) object[key] = value
  return object
}

function codeOf(thrown: unknown): FaultCode {
  return thrown instanceof Fault ? thrown.code : "state-unknown"
}
