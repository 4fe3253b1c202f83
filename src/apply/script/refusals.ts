import { formatDuration } from "../../report/duration.ts"
import type { RuleInput } from "../input.ts"
import { InputRefused } from "../rehearsal/input-refused.ts"
import type { ScriptRun } from "../rehearsal/run-in-copy.ts"
import { commandLine, type ScriptCall, unloadableArgument } from "./calls.ts"
import { isReachabilityTest, type RefusedCall, saidBy, type TracedRun } from "./judge.ts"
import type { ScriptPlace } from "./trace.ts"

/** A script that did not end in time. */
export function stillRunning({ name }: RuleInput, timeoutMs: number): InputRefused {
  return new InputRefused(`${name}: still running after ${formatDuration(timeoutMs)}`, {
    hint: "a script that waits for somebody or for the network cannot be rehearsed; or give it more time",
  })
}

/**
 * A script with a call that nothing excuses.
 * @param line the line of what the call was given that is at fault, from 1; undefined where it is not known
 */
export function refusedCall(
  input: RuleInput,
  { call, fault, place }: RefusedCall,
  traced: TracedRun | undefined,
  line: number | undefined,
): InputRefused {
  const where = whereOf(input, place, traced)
  const from = place?.calledFrom === undefined ? "" : ` (called from line ${place.calledFrom})`
  const rule = line === undefined ? undefined : call.given?.split("\n")[line - 1]?.trim()
  const quoted = rule === undefined ? "" : `, line ${line} of what it was given: "${shortened(rule)}"`
  return new InputRefused(`${where}${from}: "${shortened(commandLine(call))}"${quoted}: ${fault}`, {
    hint: `nothing was changed; ${adviceOf(call)}`,
    generated: call.given,
  })
}

function adviceOf(call: ScriptCall): string {
  if (isReachabilityTest(call))
    return "nobody answers in a rehearsal, and the way in is checked without it: take it out, or let the script go on without an answer (|| true)"
  if (call.kind === "network") return "fetch it first, and hand over a script that reads the file"
  if (unloadableArgument(call) !== undefined) return "shorten it, or split a list over several rules"
  return "correct it there, or let the script look at the failure with if or ||"
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}

/** "rules.sh:12"; a file that the script read in has its own name. */
function whereOf(input: RuleInput, place: ScriptPlace | undefined, traced: TracedRun | undefined): string {
  if (place === undefined) return input.name
  const file = place.file === traced?.path || place.file === "" ? input.name : place.file
  return `${file}:${place.line}`
}

/** A script that ended with a failure, although no call is refused. */
export function endedBadly(
  input: RuleInput,
  { run, calls }: { readonly run: ScriptRun; readonly calls: readonly ScriptCall[] },
  traced: TracedRun | undefined,
): InputRefused {
  const where = whereOf(input, traced?.trace.last, traced)
  const words = saidBy(run.stderr.split("\n").slice(-6).join("\n"))
  const how = run.exitCode === undefined ? "was killed" : `ended with exit code ${run.exitCode}`
  const network = /resolve|name resolution|Network is unreachable|not known/i.test(run.stderr)
  const reason = network ? ": a rehearsal has no network, and the script asks it" : ""
  return new InputRefused(`${where}: the script ${how}${reason}: ${words}`, {
    hint: network
      ? "nothing was changed; fetch it first, and hand over a script that reads the file"
      : "nothing was changed; a script that is fine ends with exit code 0",
    generated: calls.findLast(({ given }) => given !== undefined)?.given,
  })
}
