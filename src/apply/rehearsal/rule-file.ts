import { basename } from "node:path"
import { isLegacyProgram } from "../../firewall/tools/detect.ts"
import { plainNameOf, toolName } from "../../firewall/tools/table.ts"
import { formatDuration } from "../../report/duration.ts"
import { findProgram } from "../../system/process/find-program.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import { isForeignChain, isOperatorsChain } from "../candidate/foreign-names.ts"
import { type InputWords, tableOf, wordsOfNft, wordsOfSave } from "../candidate/input-words.ts"
import type { RuleInput } from "../input.ts"
import { familyOf } from "./family.ts"
import { faultyLine } from "./faulty-line.ts"
import { InputRefused } from "./input-refused.ts"
import type { MachineCopy } from "./machine-copy.ts"
import { pathInCopy, type RunLimits, runScript, type ScriptRun } from "./run-in-copy.ts"
import { toolEnvironment, toolWords } from "./tool-words.ts"

/** The program that loads a file of iptables-save here: of the file's family and of the backend of plain `iptables`. */
function restoreFor({ text, name, family: told }: RuleInput): string {
  const family = told ?? familyOf(text, name)
  const nft = toolName("nft", family, "restore")
  const plain = plainNameOf(nft)
  const path = findProgram(plain) ?? findProgram(nft) ?? findProgram(toolName("legacy", family, "restore"))
  if (path !== undefined) return path
  throw new InputRefused(`cannot load a file of ${plain.replace("restore", "save")}: ${plain} is not here`, {
    hint: "install iptables, or hand over an nft script",
  })
}

/**
 * Loads a file of iptables-save into the copy.
 * @returns what it has said
 * @throws InputRefused with the line that is at fault
 */
export async function rehearseSave(
  copy: MachineCopy,
  system: SystemTools,
  input: RuleInput,
  options: RunLimits,
): Promise<InputWords> {
  const path = restoreFor(input)
  const load = async (text: string): Promise<ScriptRun> =>
    await runScript(copy.files, system, [path], { ...options, environment: toolEnvironment, input: text })
  const run = await load(input.text)
  refuseTimeout(run, input, options)
  const lines = input.text.split("\n")
  const open = unclosedTable(lines)
  if (run.exitCode !== 0 || open !== undefined) {
    const line = (await faultyLine(lines, run.stderr, load)) ?? open
    const said =
      run.exitCode === 0 ? "the table has no COMMIT, so nothing of it would be loaded" : wordsOf(run)
    throw refusedAt(input, line, said, basename(path))
  }
  const table = tableOf(basename(path), () => isLegacyProgram(path))
  const { named, emptied } = wordsOfSave(input.text, table, true)
  // A save also has what other programs had made when it was written, and means nothing by it.
  const meant = [...named].filter((id) => !isForeignChain(chainOf(id)) || isOperatorsChain(chainOf(id)))
  return { named: new Set(meant), emptied }
}

const chainOf = (id: string): string => id.slice(id.lastIndexOf(" ") + 1)

function refuseTimeout(run: ScriptRun, input: RuleInput, { timeoutMs }: RunLimits): void {
  if (run.timedOut)
    throw new InputRefused(`${input.name}: not loaded within ${formatDuration(timeoutMs)}`, {
      hint: "give it more time",
    })
}

function unclosedTable(lines: readonly string[]): number | undefined {
  let open: number | undefined
  for (const [index, line] of lines.entries()) {
    if (/^\*\w+/.test(line)) open = index + 1
    if (/^COMMIT\b/.test(line)) open = undefined
  }
  return open
}

function wordsOf(run: ScriptRun): string {
  return toolWords(run.stderr).join(" ") || `exit code ${run.exitCode}`
}

function refusedAt(input: RuleInput, line: number | undefined, said: string, tool: string): InputRefused {
  const where = line === undefined ? input.name : `${input.name}:${line}`
  const text = line === undefined ? "" : `"${(input.text.split("\n")[line - 1] ?? "").trim()}": `
  return new InputRefused(`${where}: ${text}${said}`, {
    hint: `nothing was changed; ${tool} refuses it, so correct it there and try again`,
  })
}

/**
 * Loads an nft script into the copy, from its own path, so that what it includes is found.
 * @returns what it has said
 * @throws InputRefused with the line that is at fault
 */
export async function rehearseNft(
  copy: MachineCopy,
  system: SystemTools,
  input: RuleInput,
  options: RunLimits,
): Promise<InputWords> {
  const nft = findProgram("nft")
  if (nft === undefined)
    throw new InputRefused(`${input.name}: an nft script, and nft is not here`, {
      hint: "install nftables",
    })
  const path = pathInCopy(copy.files, input, options.folder)
  const environment = toolEnvironment
  const run = await runScript(copy.files, system, [nft, "-f", path], { ...options, environment })
  refuseTimeout(run, input, options)
  if (run.exitCode === 0) return wordsOfNft(input.text)
  const [, file, line, said] = /^(.*?):(\d+):\d+(?:-\d+)?: (?:Error: )?(.*)$/m.exec(run.stderr) ?? []
  if (file === undefined) throw refusedAt(input, undefined, wordsOf(run), "nft")
  if (file === path) throw refusedAt(input, Number(line), said ?? "", "nft")
  throw new InputRefused(`${file}:${line}: ${said}`, {
    hint: `nothing was changed; ${input.name} includes that file, and nft refuses it`,
  })
}
