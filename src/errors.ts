/**
 * A fault's kind, as a code that tests and exit codes derive from. Rejected packets are never faults: they are values
 * (`{ stage, reason }`). A fault is something the operator has to act on.
 */
export type FaultCode =
  | "refused" // nothing was changed, on purpose
  | "rolled-back" // changed, then put back
  | "state-unknown" // look now
  | "no-answer"
  | "would-change"
  | "usage"
  | "missing" // something this needs is not on the machine
  | "permission"
  | "configuration"

/**
 * A fault that an operator reads: `message` names the action, the value got and the value wanted, lower case, no full
 * stop; `hint` is the next thing to do. Never holds secret material.
 */
export class Fault extends Error {
  readonly code: FaultCode
  readonly hint: string | undefined

  constructor(code: FaultCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = "Fault"
    this.code = code
    this.hint = options.hint
  }
}

/** The text of anything that was thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return text.replace(/\s+/g, " ").trim()
}
