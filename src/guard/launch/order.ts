import { Fault } from "../../errors.ts"
import type { SessionConfiguration } from "../machine/configuration.ts"

/** The line that the guard writes to its standard output, once: it is armed, or why it is not. */
export type ArmingResult =
  | {
      readonly ready: true
      readonly filter: string
      readonly devices: readonly string[]
      readonly notes: readonly string[]
      readonly backends: readonly string[]
    }
  | { readonly ready: false; readonly code: string; readonly message: string; readonly hint: string }

/**
 * The order of a guard: arm a new session (a standing one goes on with the one in the journal, if there is one), or go on
 * with the one in the journal.
 */
export type GuardOrder =
  | {
      readonly configuration: SessionConfiguration
      readonly standing?: boolean
      /** The file of a snapshot of what is in force, taken a moment ago. */
      readonly read?: string
    }
  | { readonly resume: true }

/**
 * Reads the line that the arming command wrote. Only shape is checked: both ends are the same version of this program
 * and the line came over a pipe from root.
 * @throws Fault `configuration` when it is no such line.
 */
export function parseOrder(text: string): GuardOrder {
  // A guard that its service manager has started again: the order was read by the one before.
  if (text === "") return { resume: true }
  try {
    const value = JSON.parse(text) as {
      configuration?: SessionConfiguration
      resume?: unknown
      read?: unknown
    }
    if (value.resume === true) return { resume: true }
    const configuration = value.configuration
    if (Number.isFinite(configuration?.timeoutMs) && Array.isArray(configuration?.secrets))
      return typeof value.read === "string" ? { configuration, read: value.read } : { configuration }
  } catch {
    // No cause is kept: a JSON error quotes its input, and the input holds secrets.
  }
  throw new Fault(
    "configuration",
    "the guard was started without a session configuration on its standard input",
    {
      hint: "it is not meant to be started by hand: `fw-watchdog` starts it",
    },
  )
}
