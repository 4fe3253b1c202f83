import { readFileSync } from "node:fs"
import { join } from "node:path"
import { kindOf, type WrappedKind, wrapperFiles } from "./wrappers.ts"

/** One call of a wrapped program that has ended. */
export interface ScriptCall {
  readonly kind: WrappedKind
  /** "iptables", as the script called it, without its folder. */
  readonly name: string
  readonly args: readonly string[]
  readonly exitCode: number
  /** Its process id in the copy. */
  readonly pid: string
  /** It failed and wrote to another command of a pipeline, so the script never learnt its exit code. */
  readonly piped: boolean
  /** Its standard error, if it failed; else empty. */
  readonly said: string
  /** The rules that it was given by standard input or in a file; undefined when there were none. */
  readonly given: string | undefined
}

/**
 * Reads the calls that the wrappers wrote down, in the order in which they ended: NAME EXITCODE PID MARKS SAID COUNT
 * ARGUMENT..., each ended by a NUL.
 * @param own our own folder of the copy
 */
export function readCalls(own: string): ScriptCall[] {
  const fields = readFileSync(join(own, wrapperFiles.calls), "utf8").split("\0")
  const calls: ScriptCall[] = []
  for (let at = 0; at + 6 < fields.length; ) {
    const [name = "", exitCode = "", pid = "", marks = "", said = "", count = ""] = fields.slice(at, at + 6)
    const end = at + 6 + Number(count)
    const kind = kindOf(name)
    // A call that was killed while it wrote.
    if (kind === undefined || !Number.isInteger(end)) break
    calls.push({
      kind,
      name,
      args: fields.slice(at + 6, end),
      exitCode: Number(exitCode),
      pid,
      piped: marks.includes("p"),
      said,
      given: marks.includes("i") ? readInput(own, pid) : undefined,
    })
    at = end
  }
  return calls
}

function readInput(own: string, pid: string): string | undefined {
  try {
    return readFileSync(join(own, wrapperFiles.inputs, pid), "utf8")
  } catch {
    return undefined
  }
}

/** Commands that change nothing, by the program that has them. */
const asking = {
  tables: /^(-C|--check|-L|--list|-S|--list-rules|-h|--help|-V|--version)$/,
  words:
    /^(list|save|test|version|help|describe|monitor|-L|--list|-S|--save|-T|--test|-v|-h|--version|--help)$/,
}

/** "There is nothing to delete", "it is there already": what the command was for is so. */
const alreadySo: Readonly<Record<keyof typeof asking, readonly (readonly [verb: RegExp, said: RegExp])[]>> = {
  tables: [
    [
      /^(-D|--delete|-X|--delete-chain|-F|--flush|-Z|--zero)$/,
      /No chain\/target\/match by that name|does a matching rule exist|Index of deletion too big|No such file or directory|Couldn't load target|Chain '.*' does not exist/,
    ],
    [/^(-N|--new-chain|--new)$/, /Chain already exists|File exists/],
  ],
  words: [
    [/^(destroy|flush|del|delete|-X|-F|-D)$/, /does not exist|it's not added|No such file or directory/],
    [/^(create|add|-N|-A)$/, /already exists|already added|File exists/],
  ],
}

/**
 * Tells a failure that does no harm to the rules: the call only asked something, or what it was to bring about is so
 * already (a rule to delete that is not there, a chain to make that is).
 */
export function isHarmlessFailure(call: ScriptCall): boolean {
  if (call.kind !== "rules") return call.kind !== "network"
  if (call.name.endsWith("-restore")) return false
  if (call.name.includes("tables")) {
    const harmless = (verbs: RegExp): boolean => call.args.some((arg) => verbs.test(arg))
    return (
      harmless(asking.tables) ||
      alreadySo.tables.some(([verbs, words]) => harmless(verbs) && words.test(call.said))
    )
  }
  // ipset and nft: `nft -a list ruleset`, `nft "list ruleset"`, `ipset -exist add ...`, `ipset -A ...`
  const words = call.args.join(" ").split(/\s+/)
  const verb = words.find((word) => !/^(-a|-n|-s|-t|-j|-q|-!|-o|-exist|--?[a-z]{3,})$/.test(word)) ?? ""
  return (
    asking.words.test(verb) ||
    alreadySo.words.some(([verbs, text]) => verbs.test(verb) && text.test(call.said))
  )
}

/** The command as it could be typed. */
export function commandLine(call: ScriptCall): string {
  return [call.name, ...call.args].map(shellWord).join(" ")
}

function shellWord(word: string): string {
  if (/[\n\r\t]/.test(word)) return `$'${JSON.stringify(word).slice(1, -1).replaceAll("'", "\\'")}'`
  return /^[\w@%+=:,./!-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** iptables-restore reads no longer word (xtables: "Parameter too long!"). */
const longestWord = 1023

/** The reason why a rule of this call could not be saved and loaded again; undefined when it can. */
export function unloadableArgument(call: ScriptCall): string | undefined {
  if (!/tables/.test(call.name) || call.name.endsWith("-restore")) return undefined
  for (const word of call.args) {
    if (/[\n\r]/.test(word)) return "a parameter holds a newline, which no rule file can express"
    const bytes = Buffer.byteLength(word)
    if (bytes > longestWord) return `a parameter of ${bytes} bytes, at most ${longestWord} wanted`
  }
  return undefined
}
