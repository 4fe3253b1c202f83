import { join } from "node:path"
import { ownFolder } from "../../firewall/sandbox/file-copy.ts"
import { changedSysctls } from "../../firewall/sandbox/sysctl-copy.ts"
import { isLegacyProgram } from "../../firewall/tools/detect.ts"
import { findProgram } from "../../system/find-program.ts"
import type { SystemTools } from "../../system/system-tools.ts"
import type { RuleInput } from "../input.ts"
import { faultyLine } from "../rehearsal/faulty-line.ts"
import type { MachineCopy } from "../rehearsal/machine-copy.ts"
import { pathInCopy, runScript, type ScriptRun } from "../rehearsal/run-in-copy.ts"
import { commandLine, readCalls, type ScriptCall } from "./calls.ts"
import { interpreterOf } from "./interpreter.ts"
import { refusedOf, suspectsOf, type TracedRun } from "./judge.ts"
import { namedByCalls } from "./named-by-calls.ts"
import { endedBadly, refusedCall, stillRunning } from "./refusals.ts"
import { isTraceable, layTrace, readTrace } from "./trace.ts"
import { layWrappers, realLink, type Wrapped, wrappedPrograms, wrappers } from "./wrappers.ts"

export interface ScriptOptions {
  readonly folder: string
  readonly timeoutMs: number
}

/** A script that has been rehearsed. */
export interface ScriptDone {
  /** The copy, with the rules in force that the script came to. */
  readonly copy: MachineCopy
  /** Chains that the script itself named: "ip filter DOCKER". */
  readonly named: ReadonlySet<string>
  /** What it did besides rules, a line each. */
  readonly notes: readonly string[]
}

/** Makes a copy of the machine with these programs wrapped. */
export type OpenCopy = (replacements: ReturnType<typeof wrappers>) => Promise<MachineCopy>

/** A script to be run in a copy, once or twice. */
interface Rehearsed {
  readonly input: RuleInput
  readonly system: SystemTools
  readonly options: ScriptOptions
  readonly programs: readonly Wrapped[]
}

/** One run of it. */
interface WrappedRun {
  readonly run: ScriptRun
  /** How the script was called in the copy. */
  readonly path: string
  readonly calls: readonly ScriptCall[]
}

/**
 * Runs a shell script, as it is, in a copy. Only when something in it failed it is run once more, in a new copy and
 * traced: to find the line, and whether the script itself looks at the failure.
 * @returns the copy, which the caller closes
 * @throws InputRefused for a rule command whose failure the script does not look at, for one that cannot be saved and
 *   loaded again, and for a script that asks the network, ends with a failure, or does not end
 */
export async function rehearseScript(
  openCopy: OpenCopy,
  system: SystemTools,
  input: RuleInput,
  options: ScriptOptions,
): Promise<ScriptDone> {
  const rehearsed = { input, system, options, programs: wrappedPrograms() }
  const copy = await openCopy(wrappers(rehearsed.programs, false))
  try {
    const begunMs = Date.now()
    const ran = await runWrapped(copy, rehearsed, interpreterOf(input.text, system.sh), {})
    if (ran.run.timedOut) throw stillRunning(input, options.timeoutMs)
    const suspects = suspectsOf(ran.calls)
    if (suspects.length > 0 || ran.run.exitCode !== 0) {
      const traced = await runTraced(openCopy, rehearsed)
      const refused = refusedOf(suspects, ran.calls, traced)
      if (refused !== undefined)
        throw refusedCall(input, refused, traced, await faultyLineOf(copy, rehearsed, refused.call))
      if (ran.run.exitCode !== 0) throw endedBadly(input, ran, traced)
    }
    const legacy = new Map(rehearsed.programs.map(({ name, real }) => [name, isLegacyProgram(real)]))
    return {
      copy,
      named: namedByCalls(ran.calls, (name) => legacy.get(name) ?? false),
      notes: notesOf(ran, changedSysctls(join(copy.files.root, "proc/sys"), begunMs - 1)),
    }
  } catch (thrown) {
    await copy.close()
    throw thrown
  }
}

async function runWrapped(
  copy: MachineCopy,
  { input, system, options, programs }: Rehearsed,
  interpreter: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<WrappedRun> {
  layWrappers(copy.files, programs)
  const path = pathInCopy(copy.files, input, options.folder)
  const run = await runScript(copy.files, system, [...interpreter, path], {
    ...options,
    environment: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...process.env, ...environment },
  })
  return { run, path, calls: readCalls(copy.files.own) }
}

/** Runs it once more, by a bash that traces itself, in a copy of its own; undefined where that cannot be. */
async function runTraced(openCopy: OpenCopy, rehearsed: Rehearsed): Promise<TracedRun | undefined> {
  const { input, system, programs } = rehearsed
  const bash = findProgram("bash")
  const interpreter = interpreterOf(input.text, system.sh)
  if (bash === undefined || !isTraceable(interpreter)) return undefined
  const copy = await openCopy(wrappers(programs, true))
  try {
    const plain = !/bash/.test(interpreter.join(" "))
    // `#!/usr/bin/env bash` has the name of a shell where others have an option of theirs.
    const own = interpreter.slice(1).filter((word) => word.startsWith("-"))
    const environment = layTrace(copy.files.own, plain)
    const { path, calls } = await runWrapped(copy, rehearsed, [bash, ...own], environment)
    return { path, calls, trace: readTrace(copy.files.own) }
  } finally {
    await copy.close()
  }
}

/** The line, from 1, of the rules that a restore in the script stumbled over; undefined when it cannot be told. */
async function faultyLineOf(
  { files }: MachineCopy,
  { system, options, programs }: Rehearsed,
  call: ScriptCall,
): Promise<number | undefined> {
  const program = programs.find(({ name }) => name === call.name)
  if (program === undefined || call.given === undefined || !call.name.endsWith("-restore")) return undefined
  const command = [
    `${ownFolder}/${realLink(program.path)}`,
    ...call.args.filter((arg) => arg.startsWith("-")),
  ]
  const environment = { LC_ALL: "C" }
  return await faultyLine(call.given.split("\n"), call.said, async (part) => {
    return await runScript(files, system, command, { ...options, environment, input: part })
  })
}

function notesOf({ run, calls }: WrappedRun, sysctls: readonly string[]): string[] {
  const of = (kind: ScriptCall["kind"]): string[] => [
    ...new Set(calls.filter((call) => call.kind === kind).map(commandLine)),
  ]
  const ended = run.leftRunning === 1 ? "a process" : `${run.leftRunning} processes`
  return [
    ...sysctls.map((one) => `sysctl ${one}: no rule, so not applied; set it yourself`),
    ...of("module").map((one) => `${one}: no rule, so not done; modules that rules need load by themselves`),
    ...of("service").map((one) => `${one}: not done, services are not part of the rehearsal`),
    ...(run.leftRunning > 0 ? [`the script left ${ended} running; ended with the rehearsal`] : []),
  ]
}
