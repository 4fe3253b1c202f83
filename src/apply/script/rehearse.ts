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
import { layFunctions, sayingOnce } from "../script-functions.ts"
import { commandLine, inputOf, readCalls, type ScriptCall } from "./calls.ts"
import { interpreterOf } from "./interpreter.ts"
import { judgeScript, type RunOfScript } from "./judge.ts"
import { namedByCalls } from "./named-by-calls.ts"
import { isTraceable, layTrace, readTrace, type Trace } from "./trace.ts"
import { layWrappers, realLink, type Wrapped, wrappedPrograms, wrappers } from "./wrappers.ts"

export interface ScriptOptions {
  readonly folder: string
  readonly timeoutMs: number
}

/** What a script did besides rules. */
export interface ScriptDone {
  readonly copy: MachineCopy
  readonly named: Set<string>
  readonly notes: readonly string[]
}

/** Makes a copy of the machine with these programs wrapped. */
export type OpenCopy = (replacements: ReturnType<typeof wrappers>) => Promise<MachineCopy>

/**
 * Runs a shell script, as it is, in a copy. Only when something in it failed it is run once more, in a new copy and
 * traced: to find the line, and whether the script itself looks at the failure.
 * @returns the copy, which the caller closes
 * @throws InputRefused
 */
export async function rehearseScript(
  openCopy: OpenCopy,
  system: SystemTools,
  input: RuleInput,
  options: ScriptOptions,
): Promise<ScriptDone> {
  const programs = wrappedPrograms()
  const copy = await openCopy(wrappers(programs, false))
  try {
    const startedMs = Date.now()
    const run = await runOnce(
      copy,
      system,
      input,
      options,
      programs,
      interpreterOf(input.text, system.sh),
      {},
    )
    await judgeScript(
      input,
      run,
      options.timeoutMs,
      async () => await trace(openCopy, system, input, options),
      async (call, text, said) => {
        const program = programs.find(({ name }) => name === call.name)
        if (program === undefined || !call.name.endsWith("-restore")) return undefined
        const command = [
          `${ownFolder}/${realLink(program.path)}`,
          ...call.args.filter((arg) => arg.startsWith("-")),
        ]
        const load = async (part: string): Promise<ScriptRun> =>
          await runScript(copy.files, system, command, {
            ...options,
            environment: { LC_ALL: "C" },
            input: part,
          })
        return await faultyLine(text.split("\n"), said, load)
      },
    )
    const legacy = new Map(programs.map(({ name, real }) => [name, isLegacyProgram(real)]))
    const own = copy.files.own
    return {
      copy,
      named: namedByCalls(
        run.calls,
        (call) => inputOf(own, call),
        (name) => legacy.get(name) ?? false,
      ),
      notes: notesOf(run, changedSysctls(join(copy.files.root, "proc/sys"), startedMs - 1)),
    }
  } catch (thrown) {
    await copy.close()
    throw thrown
  }
}

async function runOnce(
  copy: MachineCopy,
  system: SystemTools,
  input: RuleInput,
  options: ScriptOptions,
  programs: readonly Wrapped[],
  interpreter: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<RunOfScript> {
  layWrappers(copy.files, programs)
  const path = pathInCopy(copy.files, input, options.folder)
  const inherited = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...process.env, ...environment }
  const script = { text: input.text, path, interpreter }
  const start = layFunctions(copy.files, programs, script, inherited)
  const run = await runScript(copy.files, system, start?.command ?? [...interpreter, path], {
    ...options,
    environment: { ...inherited, ...start?.environment },
  })
  return {
    run: { ...run, stderr: sayingOnce(run.stderr) },
    own: copy.files.own,
    path,
    calls: readCalls(copy.files.own),
  }
}

/** The same once more, by a bash that traces itself; undefined where that cannot be. */
async function trace(
  openCopy: OpenCopy,
  system: SystemTools,
  input: RuleInput,
  options: ScriptOptions,
): Promise<{ run: RunOfScript; trace: Trace; close: () => Promise<void> } | undefined> {
  const bash = findProgram("bash")
  const interpreter = interpreterOf(input.text, system.sh)
  if (bash === undefined || !isTraceable(interpreter)) return undefined
  const programs = wrappedPrograms()
  const copy = await openCopy(wrappers(programs, true))
  try {
    const plain = !/bash/.test(interpreter.join(" "))
    const environment = layTrace(copy.files.own, plain)
    // `#!/usr/bin/env bash` has the name of a shell where others have an option of theirs.
    const own = interpreter.slice(1).filter((word) => word.startsWith("-"))
    const run = await runOnce(copy, system, input, options, programs, [bash, ...own], environment)
    return { run, trace: readTrace(copy.files.own), close: copy.close }
  } catch (thrown) {
    await copy.close()
    throw thrown
  }
}

function notesOf({ run, calls }: RunOfScript, sysctls: readonly string[]): string[] {
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
