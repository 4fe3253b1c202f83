import { toolWords } from "../rehearsal/tool-words.ts"
import { commandLine, isHarmlessFailure, type ScriptCall, unloadableArgument } from "./calls.ts"
import type { ScriptPlace, Trace, TracedCall } from "./trace.ts"

/** A call that a script may have to be refused for. */
export interface Suspect {
  readonly call: ScriptCall
  /** The reason, for the operator. */
  readonly fault: string
  /** All is well where the script itself looks at the failure, by `if` or `||`. */
  readonly mayBeHandled: boolean
}

/** A second run of the same script, under a trace. */
export interface TracedRun {
  /** The path that the script was called by in the copy. */
  readonly path: string
  readonly calls: readonly ScriptCall[]
  readonly trace: Trace
}

/** The call that a script is refused for. */
export interface RefusedCall extends Suspect {
  /** Where it stands; undefined where no trace shows it. */
  readonly place: ScriptPlace | undefined
}

/** The calls of a run that failed, or whose rules cannot be saved and loaded again; in the order in which they ended. */
export function suspectsOf(calls: readonly ScriptCall[]): Suspect[] {
  return calls.flatMap((call) => suspectOf(call) ?? [])
}

function suspectOf(call: ScriptCall): Suspect | undefined {
  const unloadable = unloadableArgument(call)
  if (unloadable !== undefined) return { call, fault: unloadable, mayBeHandled: false }
  if (call.exitCode === 0) return undefined
  const said = saidBy(call.said)
  if (call.kind === "network") {
    if (call.name === "getent" && !/^(hosts|ahosts|ahostsv4|ahostsv6)$/.test(call.args[0] ?? ""))
      return undefined
    return {
      call,
      fault: `a rehearsal has no network, and the script asks it: ${said}`,
      // What is fetched may become a rule; whether somebody answers may not.
      mayBeHandled: isReachabilityTest(call),
    }
  }
  if (isHarmlessFailure(call)) return undefined
  const unresolved = /host\/network `(.*)' not found|Could not resolve hostname/.test(call.said)
  const fault = unresolved
    ? `${said}: names do not resolve in a rehearsal, nor when rules load`
    : `exit code ${call.exitCode}: ${said}`
  return { call, fault, mayBeHandled: true }
}

/** A command that only looks whether somebody answers: `ping -c1 GATEWAY` at the end of a script. */
export function isReachabilityTest({ name }: ScriptCall): boolean {
  return /^(ping6?|nc|ncat|netcat)$/.test(name)
}

/** The first lines of what a program said, as one. */
export function saidBy(said: string): string {
  return toolWords(said).slice(0, 4).join(" ") || "it says nothing"
}

/**
 * The first suspect that nothing excuses. What the trace does not show in the same way is not excused: better to refuse
 * once too often than to load half a firewall.
 * @param calls all calls of the run that the suspects are of
 * @param traced undefined where the script cannot be traced
 */
export function refusedOf(
  suspects: readonly Suspect[],
  calls: readonly ScriptCall[],
  traced: TracedRun | undefined,
): RefusedCall | undefined {
  const inTrace = traced === undefined ? new Map<ScriptCall, TracedCall>() : tracedCalls(calls, traced)
  for (const suspect of suspects) {
    const found = inTrace.get(suspect.call)
    // Left of a pipe the shell never learns of the failure.
    const handled = found !== undefined && !found.unhandled && !suspect.call.piped
    if (!suspect.mayBeHandled || !handled) return { ...suspect, place: found?.place }
  }
  return undefined
}

/** Each call of a run in the trace of another: of those with the same words the one of the same turn, if both ended alike. */
function tracedCalls(
  calls: readonly ScriptCall[],
  { calls: others, trace }: TracedRun,
): ReadonlyMap<ScriptCall, TracedCall> {
  const waiting = new Map<string, ScriptCall[]>()
  for (const call of others.toReversed()) {
    const words = commandLine(call)
    const same = waiting.get(words)
    if (same === undefined) waiting.set(words, [call])
    else same.push(call)
  }
  const found = new Map<ScriptCall, TracedCall>()
  for (const call of calls) {
    const twin = waiting.get(commandLine(call))?.pop()
    const traced = twin?.exitCode === call.exitCode ? trace.calls.get(twin.pid) : undefined
    if (traced !== undefined) found.set(call, traced)
  }
  return found
}
