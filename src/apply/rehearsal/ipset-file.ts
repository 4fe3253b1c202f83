import { formatDuration } from "../../report/duration.ts"
import { findProgram } from "../../system/process/find-program.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import type { InputWords } from "../candidate/input-words.ts"
import type { RuleInput } from "../input.ts"
import { InputRefused } from "./input-refused.ts"
import type { MachineCopy } from "./machine-copy.ts"
import { type RunLimits, runScript } from "./run-in-copy.ts"
import { toolEnvironment, toolWords } from "./tool-words.ts"

const creation = /^\s*(?:create|-N|--create|n)\s+("[^"]*"|\S+)\s/

/**
 * Loads a file of `ipset save` into the copy. A set that is there already gets the elements of the file instead of its own; one of
 * another type is refused by ipset.
 * @returns what it has said: the sets that it makes
 * @throws InputRefused with the line that is at fault
 */
export async function rehearseIpsets(
  copy: MachineCopy,
  system: SystemTools,
  input: RuleInput,
  options: RunLimits,
): Promise<InputWords> {
  const ipset = findProgram("ipset")
  if (ipset === undefined)
    throw new InputRefused(`${input.name}: a file of ipset save, and ipset is not here`, {
      hint: "install ipset",
    })
  const named = new Set<string>()
  const lines = input.text.split("\n")
  const text: string[] = []
  const origin: number[] = []
  for (const [index, line] of lines.entries()) {
    text.push(line)
    origin.push(index + 1)
    const name = creation.exec(`${line} `)?.[1]
    if (name === undefined) continue
    named.add(`ipset ${name.replace(/^"(.*)"$/, "$1")}`)
    text.push(`flush ${name}`)
    origin.push(index + 1)
  }
  const run = await runScript(copy.files, system, [ipset, "restore", "-exist"], {
    ...options,
    environment: toolEnvironment,
    input: text.join("\n"),
  })
  if (run.timedOut)
    throw new InputRefused(`${input.name}: not loaded within ${formatDuration(options.timeoutMs)}`, {
      hint: "give it more time",
    })
  if (run.exitCode === 0) return { named, emptied: new Set() }
  const at = origin[Number(/\bline (\d+)/.exec(run.stderr)?.[1] ?? Number.NaN) - 1]
  const where = at === undefined ? input.name : `${input.name}:${at}: "${(lines[at - 1] ?? "").trim()}"`
  throw new InputRefused(`${where}: ${toolWords(run.stderr).join(" ") || `exit code ${run.exitCode}`}`, {
    hint: "nothing was changed; ipset refuses it, so correct it there and try again",
  })
}
