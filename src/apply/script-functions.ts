import { existsSync, realpathSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { type FileCopy, ownFolder } from "../firewall/sandbox/file-copy.ts"
import { endedText, realLink, type Wrapped, wrapperFiles } from "./script/wrappers.ts"
import { markCalls } from "./script-marked.ts"
import { isPlainScript } from "./script-plain.ts"

/** How a script is run: the command but for the script's path, and what it inherits besides. */
export interface ScriptStart {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/** Inherited: a function of the operator's own in the place of one of these names, or a shell set to behave otherwise. */
const unusual =
  /^(BASH_FUNC_(ip6?tables|ipset|nft|printf|read|shift|return)\b|BASH_ENV$|SHELLOPTS$|POSIXLY_CORRECT$)/

/** The programs that scripts call thousands of times. */
const frequent = /^(ip6?tables(-nft|-legacy)?|ipset|nft)$/

/**
 * Puts functions of the names of the most frequent programs into a copy, and says how the script starts with them in its
 * own shell: bash reads them from BASH_ENV, dash is told to read them and then the script. A call by name or path costs no
 * process more than it does without a rehearsal. Every other call (by `exec`, `env`, `xargs`, another shell) finds the wrapper.
 * @param path the script's path in the copy
 * @returns undefined where a script might tell the difference, or its shell has no way to read them first
 */
export function layFunctions(
  copy: FileCopy,
  programs: readonly Wrapped[],
  script: { readonly text: string; readonly path: string; readonly interpreter: readonly string[] },
  environment: Readonly<Record<string, string | undefined>>,
): ScriptStart | undefined {
  const [program = "", ...rest] = script.interpreter
  const byEnv = basename(program) === "env" && rest[0] === "bash"
  const options = byEnv ? rest.slice(1) : rest
  const shell = byEnv ? "bash" : shellOf(program)
  const plain = options.every((word) => /^-[efu]+$/.test(word))
  const inherited = Object.keys(environment).some((name) => unusual.test(name))
  if (shell === undefined || !plain || inherited) return undefined
  const found = searched(programs, environment.PATH ?? "")
  if (!isPlainScript(script.text, shell, new Set(found.map(({ path }) => dirname(path))))) return undefined
  writeFileSync(join(copy.own, "ended"), endedText(), { mode: 0o755 })
  writeFileSync(join(copy.own, "functions"), functionsText(shell, found, programs))
  const file = `${ownFolder}/functions`
  if (shell === "bash")
    return { command: [...script.interpreter, script.path], environment: { BASH_ENV: file } }
  // dash has no function with a path or a dash for its name: there such calls are marked in a copy of the script.
  const called = new Set(found.flatMap((one) => waysByWord(one, programs)))
  const marked = markCalls(script.text, called, new Set(found.map(({ name }) => name)), "__fw_path ")
  if (marked !== undefined) writeFileSync(join(copy.own, markedFile), marked)
  // A dot looks a name without a slash up in PATH.
  const named = script.path.includes("/") ? script.path : `./${script.path}`
  const slashed = marked === undefined ? named : `${ownFolder}/${markedFile}`
  const both = `. ${file}; . ${quoted(slashed)}`
  return { command: [...script.interpreter, "-c", both, script.path], environment: {} }
}

/** The script for dash with its calls by path marked. */
const markedFile = "marked"

/** What the shell itself said, without the name of the file that dash was told to read: `PATH: LINE: FILE: ...` */
export function sayingOnce(stderr: string): string {
  const file = `${ownFolder}/${markedFile}`.replaceAll(".", "\\.")
  return stderr.replaceAll(new RegExp(`^(.+): (\\d+): (?:\\1|${file}): `, "gm"), "$1: $2: ")
}

/** Its kind by the program itself: a bash that is called sh reads no BASH_ENV. */
function shellOf(program: string): "bash" | "dash" | undefined {
  try {
    const name = basename(realpathSync(program))
    return name === "dash" || (name === "bash" && basename(program) === "bash") ? name : undefined
  } catch {
    return undefined
  }
}

/** Of each frequent name the program that a search in PATH leads to, where all of that name are one program. */
function searched(programs: readonly Wrapped[], path: string): Wrapped[] {
  const known = new Set(programs.map((one) => dirname(one.path)))
  const folders = path.split(":").map((folder) => (existsSync(folder) ? realpathSync(folder) : folder))
  return programs.filter((one, index) => {
    if (!frequent.test(one.name)) return false
    const named = programs.filter(({ name }) => name === one.name)
    return (
      named[0] === programs[index] &&
      named.every(({ real }) => real === one.real) &&
      folders.includes(dirname(one.path)) &&
      folders.every((folder) => known.has(folder) || !existsSync(join(folder, one.name)))
    )
  })
}

function functionsText(
  shell: "bash" | "dash",
  found: readonly Wrapped[],
  programs: readonly Wrapped[],
): string {
  const callOf = ({ name, path }: Wrapped): string => {
    const fast = `__fw_call ${name} ${ownFolder}/${realLink(path)} "$@"`
    // Not the function of that path, which is this one.
    const slow = `command ${path} "$@"`
    // What brings rules by standard input or in a file goes to the wrapper, which keeps them.
    const words = `"\${1-} \${2-}"`
    if (name === "ipset")
      return `case ${words} in add\\ *|del\\ *|create\\ *|-exist\\ add\\ *|-exist\\ del\\ *|-exist\\ create\\ *) ${fast} ;; *) ${slow} ;; esac`
    if (name === "nft") return `case ${words} in add\\ *|insert\\ *|delete\\ *) ${fast} ;; *) ${slow} ;; esac`
    return fast
  }
  // dash has no name with a dash in it; bash has even a path.
  const names = found.flatMap((one): [string, Wrapped][] => {
    if (shell === "dash") return /-/.test(one.name) ? [] : [[one.name, one]]
    return [one.name, ...pathsOf(one, programs)].map((name) => [name, one])
  })
  const byPath = found.map((one) => `    ${waysByWord(one, programs).join("|")}) shift; ${callOf(one)} ;;\n`)
  return `${shell === "bash" ? "unset BASH_ENV\n" : ""}__fw_self=$$

__fw_call() {
  local __fw_name="$1" __fw_real="$2" __fw_exit __fw_word
  shift 2
  # A subshell is a process of its own, and may run beside this one.
  [ /proc/self -ef "/proc/$__fw_self" ] || IFS=' ' read -r __fw_self __fw_rest </proc/self/stat
  if "$__fw_real" "$@" 2>|"${ownFolder}/${wrapperFiles.errors}/$__fw_self"; then
    __fw_record 0 "$@"
  else
    __fw_exit=$?
    for __fw_word do
      case $__fw_word in -C|--check) __fw_record "$__fw_exit" "$@"; return "$__fw_exit" ;; esac
    done
    ${ownFolder}/ended "$__fw_name" "$__fw_exit" "$__fw_self" "$@" || return
  fi
}

__fw_record() {
  local __fw_code="$1" __fw_line
  shift
  if [ -s "${ownFolder}/${wrapperFiles.errors}/$__fw_self" ]; then
    while IFS= read -r __fw_line || [ -n "$__fw_line" ]; do printf '%s\\n' "$__fw_line"; done \\
      <"${ownFolder}/${wrapperFiles.errors}/$__fw_self" >&2
  fi
  printf '%s\\0' "$__fw_name" "$__fw_code" '' '' "$#" "$@" >>${ownFolder}/${wrapperFiles.calls}
}

__fw_path() {
  case $1 in
${byPath.join("")}    *) "$@" ;;
  esac
}

${names.map(([name, one]) => (shell === "bash" ? `function ${name} { ${callOf(one)}; }` : `${name}() { ${callOf(one)}; }`)).join("\n")}
`
}

/** Every path of that program. */
function pathsOf({ name }: Wrapped, programs: readonly Wrapped[]): string[] {
  return programs.filter((one) => one.name === name).flatMap(({ path }) => waysTo(path))
}

/** The words that call that program and are no names for a function of dash. */
function waysByWord(one: Wrapped, programs: readonly Wrapped[]): string[] {
  return [...(one.name.includes("-") ? [one.name] : []), ...pathsOf(one, programs)]
}

/** A path, and the one by which a merged /usr is reached as well. */
function waysTo(path: string): string[] {
  const short = path.replace(/^\/usr(?=\/s?bin\/)/, "")
  const merged = short !== path && existsSync(short) && realpathSync(dirname(short)) === dirname(path)
  return merged ? [path, short] : [path]
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
