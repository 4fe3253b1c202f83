import { Fault } from "../errors.ts"
import type { SecretEntry } from "../secrets/secret-file.ts"

/** One secret a session accepts knocks for. */
export interface ArmedSecret {
  readonly host: string
  readonly name: string
  /** A one-time secret lives and dies with its session; a standing one comes from a file. */
  readonly kind: "one-time" | "standing"
  /** The 16 secret bytes, in hex. Travels to the guard by a pipe only. */
  readonly secret: string
}

/** The entries of a secret file as a session uses them. */
export function standingSecrets(entries: readonly SecretEntry[]): ArmedSecret[] {
  return entries.map((entry) => ({
    host: entry.host ?? "",
    name: entry.name ?? "",
    kind: "standing",
    secret: Buffer.from(entry.secret).toString("hex"),
  }))
}

/** Who armed a session, for `status`. */
export interface ArmedBy {
  readonly user: string
  /** The ssh client's address, or empty on a console. */
  readonly from: string
  readonly terminal: string
}

/** Everything a session is told at its birth. The command line is checked before this exists. */
export interface SessionConfiguration {
  readonly timeoutMs: number
  readonly onExpiry: "disarm" | "reset" | "rollback"
  /** After an open, go back to the rules in force at arming when this has passed; 0 for never. */
  readonly openForMs: number
  /** What an open covers (DESIGN 6). */
  readonly scope: "all" | "filter"
  readonly secrets: readonly ArmedSecret[]
  /** Absolute path of the file the standing secrets came from, to read it again on SIGHUP; empty without one. */
  readonly secretFile: string
  /** The bare text of `--plain`, or empty. */
  readonly plain: string
  /** Interfaces to hear; empty means all. */
  readonly devices: readonly string[]
  /** Sources to accept, as CIDRs; empty means all. */
  readonly from: readonly string[]
  readonly dryRun: boolean
  /** Do not write to the terminals of logged-in users. */
  readonly quiet: boolean
  readonly armedBy: ArmedBy
  /** Armed by fw-apply for one change: the session ends with it. */
  readonly forChange?: boolean
}

/** One that hears everywhere, opens everything and owes nothing at its end. It has no secret yet, and no time. */
export const plainestSession: SessionConfiguration = {
  timeoutMs: 0,
  onExpiry: "disarm",
  openForMs: 0,
  scope: "all",
  secrets: [],
  secretFile: "",
  plain: "",
  devices: [],
  from: [],
  dryRun: false,
  quiet: false,
  armedBy: { user: "", from: "", terminal: "" },
}

/** What the guard writes back on its standard output, once: it is armed, or why it is not. */
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
 * What a guard is to do: arm a new session (a standing one goes on with the one in the journal, if there is one), or go on
 * with the one in the journal.
 */
export type GuardOrder =
  | { readonly configuration: SessionConfiguration; readonly standing?: boolean }
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
    const value = JSON.parse(text) as { configuration?: SessionConfiguration; resume?: unknown }
    if (value.resume === true) return { resume: true }
    const configuration = value.configuration
    if (Number.isFinite(configuration?.timeoutMs) && Array.isArray(configuration?.secrets))
      return { configuration }
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
