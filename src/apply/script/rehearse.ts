import { join } from "node:path"
import { ownFolder, type Replacement } from "../../firewall/sandbox/file-copy.ts"
import { changedSysctls } from "../../firewall/sandbox/sysctl-copy.ts"
import { isLegacyProgram } from "../../firewall/tools/detect.ts"
import { findProgram } from "../../system/process/find-program.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import type { RuleInput } from "../input.ts"
import { faultyLine } from "../rehearsal/faulty-line.ts"
import type { MachineCopy } from "../rehearsal/machine-copy.ts"
import {
  type InputRun,
  pathInCopy,
  type RunLimits,
  runScript,
  type ScriptRun,
} from "../rehearsal/run-in-copy.ts"
import { callerEnvironment } from "./caller-environment.ts"
import { readCalls, type ScriptCall } from "./calls.ts"
import { interpreterOf } from "./interpreter.ts"
import { refusedOf, suspectsOf, type TracedRun } from "./judge.ts"
import { notesOf } from "./notes.ts"
import { endedBadly, refusedCall, stillRunning } from "./refusals.ts"
import { isTraceable, layTrace, readTrace } from "./trace.ts"
import { wordsOfCalls } from "./words-of-calls.ts"
import { layWrappers, realLink, type Wrapped, wrappedPrograms, wrappers } from "./wrappers.ts"

/** Makes a copy of the machine with these files in the place of its own. */
export type OpenCopy = (replacements: readonly Replacement[]) => Promise<MachineCopy>

/** A script to be run in a copy, once or twice. */
interface ScriptToRun {
  readonly input: RuleInput
  readonly system: SystemTools
  readonly limits: RunLimits
  readonly programs: readonly Wrapped[]
}

/** One run of that script, ended. */
interface WrappedRun {
  readonly run: ScriptRun
  /** The path that the script was called by in the copy. */
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
  limits: RunLimits,
): Promise<InputRun> {
  const script = { input, system, limits, programs: wrappedPrograms() }
  const copy = await openCopy(wrappers(script.programs, false))
  try {
    const begunMs = Date.now()
    const ran = await runWrapped(copy, script, interpreterOf(input.text, system.sh), {})
    if (ran.run.timedOut) throw stillRunning(input, limits.timeoutMs)
    const suspects = suspectsOf(ran.calls)
    if (suspects.length > 0 || ran.run.exitCode !== 0) {
      const traced = await runTraced(openCopy, script)
      const refused = refusedOf(suspects, ran.calls, traced)
      if (refused !== undefined)
        throw refusedCall(input, refused, traced, await faultyLineOf(copy, script, refused.call))
      if (ran.run.exitCode !== 0) throw endedBadly(input, ran, traced)
    }
    const legacy = new Map(script.programs.map(({ name, real }) => [name, isLegacyProgram(real)]))
    return {
      copy,
      words: wordsOfCalls(ran.calls, (name) => legacy.get(name) ?? false),
      notes: notesOf(
        ran.calls,
        changedSysctls(join(copy.files.root, "proc/sys"), begunMs - 1),
        ran.run.leftRunning,
      ),
    }
  } catch (thrown) {
    await copy.close()
    throw thrown
  }
}

async function runWrapped(
  copy: MachineCopy,
  { input, system, limits, programs }: ScriptToRun,
  interpreter: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<WrappedRun> {
  layWrappers(copy.files, programs)
  const path = pathInCopy(copy.files, input, limits.folder)
  const run = await runScript(copy.files, system, [...interpreter, path], {
    ...limits,
    environment: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...callerEnvironment(process.env), ...environment },
  })
  return { run, path, calls: readCalls(copy.files.own) }
}

/** Runs it once more, by a bash that traces itself, in a copy of its own; undefined where that cannot be. */
async function runTraced(openCopy: OpenCopy, script: ScriptToRun): Promise<TracedRun | undefined> {
  const { input, system, programs } = script
  const bash = findProgram("bash")
  const interpreter = interpreterOf(input.text, system.sh)
  if (bash === undefined || !isTraceable(interpreter)) return undefined
  const copy = await openCopy(wrappers(programs, true))
  try {
    const plain = !/bash/.test(interpreter.join(" "))
    // `#!/usr/bin/env bash` has the name of a shell where others have an option of theirs.
    const own = interpreter.slice(1).filter((word) => word.startsWith("-"))
    const environment = layTrace(copy.files.own, plain)
    const { path, calls } = await runWrapped(copy, script, [bash, ...own], environment)
    return { path, calls, trace: readTrace(copy.files.own) }
  } finally {
    await copy.close()
  }
}

/** The line, from 1, of the rules that a restore in the script stumbled over; undefined when it cannot be told. */
async function faultyLineOf(
  { files }: MachineCopy,
  { system, limits, programs }: ScriptToRun,
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
    return await runScript(files, system, command, { ...limits, environment, input: part })
  })
}
