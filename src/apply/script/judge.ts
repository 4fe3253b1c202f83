import type { RuleInput } from "../input.ts"
import { InputRefused } from "../rehearsal/input-refused.ts"
import type { ScriptRun } from "../rehearsal/run-in-copy.ts"
import {
  commandLine,
  errorsOf,
  inputOf,
  isHarmlessFailure,
  type ScriptCall,
  unloadableArgument,
} from "./calls.ts"
import type { ScriptPlace, Trace } from "./trace.ts"

/** One run of a script with its wrapped calls. */
export interface RunOfScript {
  readonly run: ScriptRun
  /** The folder of the wrappers' files. */
  readonly own: string
  /** How the script was called in the copy. */
  readonly path: string
  readonly calls: readonly ScriptCall[]
}

/** A second run of the same script that says where each call stands; undefined when there can be none. */
export type TraceAgain = () => Promise<
  { readonly run: RunOfScript; readonly trace: Trace; readonly close: () => Promise<void> } | undefined
>

/** Finds the line of a rule file that a restore in the script stumbled over; undefined when it cannot be told. */
export type FindLine = (call: ScriptCall, text: string, said: string) => Promise<number | undefined>

/**
 * Is what the script did whole? Refused is a rule command whose failure the script does not look at, one that cannot be
 * saved and loaded again, a script that ends with a failure, one that asks the network, and one that does not end.
 * @throws InputRefused
 */
export async function judgeScript(
  input: RuleInput,
  first: RunOfScript,
  timeoutMs: number,
  traceAgain: TraceAgain,
  findLine: FindLine,
): Promise<void> {
  if (first.run.timedOut)
    throw new InputRefused(`${input.name}: still running after ${timeoutMs / 1000} s`, {
      where: input.name,
      hint: "a script that waits for somebody or for the network cannot be rehearsed; or give it more time",
    })
  const suspects = first.calls.filter((call) => faultOf(first, call) !== undefined)
  if (suspects.length === 0 && first.run.exitCode === 0) return
  const again = await traceAgain()
  const turns = again === undefined ? undefined : callsByTurn(first.calls, again.run.calls)
  const traced = new Map(again?.trace.calls.map((call) => [call.pid, call]))
  try {
    for (const suspect of suspects) {
      const twin = turns?.get(suspect)
      const found = twin?.exitCode === suspect.exitCode ? traced.get(twin.pid) : undefined
      const fault = faultOf(first, suspect)
      // What the trace does not show the same way is refused: better once too often than half a firewall.
      const handled = found !== undefined && !found.unhandled && !suspect.piped
      if (fault === undefined || (fault.byShell && handled)) continue
      const given = suspect.kind === "rules" ? inputOf(first.own, suspect) : undefined
      const line =
        given === undefined ? undefined : await findLine(suspect, given, errorsOf(first.own, suspect))
      const at = { place: found?.place, path: again?.run.path }
      throw refusal(input, suspect, fault.said, at, given, line)
    }
    if (first.run.exitCode === 0) return
    throw endedBadly(input, first, again?.trace.last, again?.run.path)
  } finally {
    await again?.close()
  }
}

interface CallFault {
  readonly said: string
  /** May the script look at it itself, by `if` or `||`? */
  readonly byShell: boolean
}

function faultOf({ own }: RunOfScript, call: ScriptCall): CallFault | undefined {
  const unloadable = unloadableArgument(call)
  if (unloadable !== undefined) return { said: unloadable, byShell: false }
  if (call.exitCode === 0) return undefined
  const said = errorsOf(own, call)
  if (call.kind === "network")
    return call.name === "getent" && !/^(hosts|ahosts|ahostsv4|ahostsv6)$/.test(call.args[0] ?? "")
      ? undefined
      : { said: `a rehearsal has no network, and the script asks it: ${toolWords(said)}`, byShell: false }
  if (isHarmlessFailure(call, said)) return undefined
  const unresolved = /host\/network `(.*)' not found|Could not resolve hostname/.test(said)
  if (unresolved)
    return {
      said: `${toolWords(said)}: names do not resolve in a rehearsal, nor when rules load`,
      byShell: true,
    }
  return { said: `exit code ${call.exitCode}: ${toolWords(said)}`, byShell: true }
}

function toolWords(said: string): string {
  const lines = said
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^(Try `|Error occurred at line|#)/.test(line))
  return lines.slice(0, 4).join(" ") || "it says nothing"
}

/** Each call of the first run in the second: of those with the same words, the one of the same turn. */
function callsByTurn(
  first: readonly ScriptCall[],
  second: readonly ScriptCall[],
): ReadonlyMap<ScriptCall, ScriptCall> {
  const waiting = new Map<string, ScriptCall[]>()
  for (const call of second.toReversed()) {
    const words = commandLine(call)
    const same = waiting.get(words)
    if (same === undefined) waiting.set(words, [call])
    else same.push(call)
  }
  const twins = new Map<ScriptCall, ScriptCall>()
  for (const call of first) {
    const twin = waiting.get(commandLine(call))?.pop()
    if (twin !== undefined) twins.set(call, twin)
  }
  return twins
}

function refusal(
  input: RuleInput,
  call: ScriptCall,
  said: string,
  { place, path }: { readonly place: ScriptPlace | undefined; readonly path: string | undefined },
  generated: string | undefined,
  line: number | undefined,
): InputRefused {
  const where = whereOf(input, place, path)
  const from = place?.calledFrom === undefined ? "" : ` (called from line ${place.calledFrom})`
  const rule = line === undefined ? undefined : generated?.split("\n")[line - 1]?.trim()
  const quoted = rule === undefined ? "" : `, line ${line} of what it was given: "${shortened(rule)}"`
  return new InputRefused(`${where}${from}: "${shortened(commandLine(call))}"${quoted}: ${said}`, {
    where,
    hint: `nothing was changed; ${adviceOf(call)}`,
    generated,
  })
}

function adviceOf(call: ScriptCall): string {
  if (call.kind === "network") return "fetch it first, and hand over a script that reads the file"
  if (unloadableArgument(call) !== undefined) return "shorten it, or split a list over several rules"
  return "correct it there, or let the script look at the failure with if or ||"
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}

/** "rules.sh:12"; a file that the script read in has its own name. */
function whereOf(input: RuleInput, place: ScriptPlace | undefined, path: string | undefined): string {
  if (place === undefined) return input.name
  const file = place.file === path || place.file === "" ? input.name : place.file
  return `${file}:${place.line}`
}

function endedBadly(
  input: RuleInput,
  { run, own, calls }: RunOfScript,
  last: ScriptPlace | undefined,
  path: string | undefined,
): InputRefused {
  const where = whereOf(input, last, path)
  const words = toolWords(run.stderr.split("\n").slice(-6).join("\n"))
  const how = run.exitCode === undefined ? "was killed" : `ended with exit code ${run.exitCode}`
  const network = /resolve|name resolution|Network is unreachable|not known/i.test(run.stderr)
  const reason = network ? ": a rehearsal has no network, and the script asks it" : ""
  const generated = calls.flatMap((call) => inputOf(own, call) ?? []).at(-1)
  return new InputRefused(`${where}: the script ${how}${reason}: ${words}`, {
    where,
    hint: network
      ? "nothing was changed; fetch it first, and hand over a script that reads the file"
      : "nothing was changed; a script that is fine ends with exit code 0",
    generated,
  })
}
