import type { Outcome } from "../../../report/outcome.ts"
import { timeOfDay } from "../../../report/time-of-day.ts"
import type { NoUndo, OpenSince } from "../open-since.ts"
import { type SessionRecord, stillDropping } from "../record.ts"

/** All that is known of an open that is in force: a part of `status --json`. */
export interface OpenFacts {
  /** Wall clock, in milliseconds. */
  readonly sinceMs: number
  readonly scope: OpenSince["scope"]
  /** False where nobody knows what is in force: the open, or a restore since, did not work completely. */
  readonly whole: boolean
  /** How much could drop at the latest look; absent where nobody has looked since. */
  readonly dropping?: number
  /** An undo can put the rules from before it back. */
  readonly undoable: boolean
}

/** The open that is in force in a session; undefined where none is. */
export function openFacts(record: SessionRecord): OpenFacts | undefined {
  const { openSince, lastOpen, watch } = record
  if (openSince === undefined) return undefined
  const { atMs, scope, whole } = openSince
  const looked = watch.on ? { dropping: stillDropping(record).length } : {}
  return { sinceMs: atMs, scope, whole, ...looked, undoable: lastOpen !== undefined }
}

/** The open that is in force as everybody is told: never more than is known. */
export function openLine(facts: OpenFacts, nowMs: number): string {
  return `${stateOf(facts, timeOfDay(facts.sinceMs, nowMs))}; ${wayBack(facts)}`
}

function stateOf({ scope, whole, dropping }: OpenFacts, since: string): string {
  const all = scope === "all"
  const subject = all ? "the firewall is" : "the filter tables of iptables are"
  if (!whole) {
    const opened = all ? "the firewall was" : "the filter tables of iptables were"
    return `${opened} opened at ${since}, and it is not known for sure what filters here now`
  }
  const open = `${subject} OPEN since ${since}`
  if (dropping === undefined) return `${open}, unless somebody has loaded rules since`
  if (dropping > 0) return `${open}, but ${dropping} can drop`
  return all ? `${open}: nothing filters here` : open
}

function wayBack({ undoable }: OpenFacts): string {
  return undoable
    ? "`fw-watchdog undo` puts the rules back"
    : "the rules from before it are not there to be put back by an undo"
}

/** The same on a service manager's line. */
export function openWords({ sinceMs, whole }: OpenFacts, nowMs: number): string {
  const since = timeOfDay(sinceMs, nowMs)
  return whole ? `OPEN since ${since}` : `opened at ${since}, state unknown`
}

/** An outcome that tells, behind its own words, that the firewall is open. */
export function withOpen(outcome: Outcome, facts: OpenFacts | undefined, nowMs: number): Outcome {
  if (facts === undefined) return outcome
  return {
    ...outcome,
    message: `${outcome.message}; ${openLine(facts, nowMs)}`,
    facts: { ...outcome.facts, openSinceMs: facts.sinceMs, undoable: facts.undoable },
  }
}

/** The outcome of an open, with since when it is so and the way back. */
export function tellOpen(outcome: Outcome, facts: OpenFacts | undefined, nowMs: number): Outcome {
  if (facts === undefined) return outcome
  const isNew = outcome.code === "done" && outcome.facts?.changed === true
  const message = isNew ? openLine(facts, nowMs) : `${outcome.message}; ${wayBack(facts)}`
  return { ...withOpen(outcome, facts, nowMs), message }
}

/** There is no open to undo, and here is why. */
export function nothingToUndo(why: NoUndo | { readonly why: "no-session" }, nowMs: number): Outcome {
  const message = `nothing to undo: ${reasonOf(why, nowMs)}`
  return { event: "nothing-to-undo", code: "refused", message, facts: { why: why.why } }
}

function reasonOf(reason: NoUndo | { readonly why: "no-session" }, nowMs: number): string {
  switch (reason.why) {
    case "no-session":
      return "no session is armed here, and none has left the firewall open since this machine started"
    case "no-open":
      return "this session has not opened the firewall"
    case "changed-nothing":
      return "the last open changed nothing: it was open already"
    case "not-kept":
      return "the rules from before the last open could not be kept"
    case "lost":
      return "the rules from before the last open were kept, and are lost"
    case "undone":
      return `the last open has been undone at ${timeOfDay(reason.atMs, nowMs)}`
    case "confirmed":
      return `a change of fw-apply was confirmed at ${timeOfDay(reason.atMs, nowMs)}, and its rules are in force since`
  }
}
