import { readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { ownFolder } from "../../firewall/sandbox/file-copy.ts"
import { wrapperFiles } from "./wrappers.ts"

/** A place in a script: "12", or "3 (called from line 12)". */
export interface ScriptPlace {
  /** The file, as bash names it; empty for a text without one. */
  readonly file: string
  readonly line: number
  /** The line that the function was called from, which the failing command is in. */
  readonly calledFrom: number | undefined
}

/** One call of a wrapped program, as a traced run shows it. */
export interface TracedCall {
  /** Where it stands; undefined when the trace does not have it. */
  readonly place: ScriptPlace | undefined
  /** Its failure went on to the shell and nothing there looked at it: no `if`, no `||`, no `!`. */
  readonly unhandled: boolean
}

export interface Trace {
  /** By the process id of the call's wrapper. */
  readonly calls: ReadonlyMap<string, TracedCall>
  /** The last command that was run, of any kind; where a script that ends with a failure has ended. */
  readonly last: ScriptPlace | undefined
}

/** Tells whether a script with this interpreter can be traced, by running it with bash. */
export function isTraceable(interpreter: readonly string[]): boolean {
  const name = basename(interpreter[0] ?? "")
  const shell = name === "env" ? (interpreter[1] ?? "") : name
  return /^(sh|dash|bash|ash|busybox)$/.test(shell)
}

/**
 * Puts into a copy what makes a bash trace itself, and returns the environment that does it. `trap ... ERR` fires for
 * a failure that `set -e` would end the script for, and only for those (bash(1)); the trace goes to a descriptor of
 * its own.
 * @param plain the script is for another shell: no brace expansion, and an echo that knows escapes, as dash has it
 */
export function layTrace(own: string, plain: boolean): Readonly<Record<string, string>> {
  const lines = [
    ...(plain ? ["set +B", "shopt -s xpg_echo"] : []),
    `exec 199>>${ownFolder}/${wrapperFiles.trace}`,
    "BASH_XTRACEFD=199",
    [
      "PS4=$'\\001T",
      ...["BASH_SOURCE[0]", "LINENO", "BASH_LINENO[0]"].map((name) => `\${${name}}`),
      "'",
    ].join("\\002"),
    "set -E",
    `trap 'printf "\\\\001E\\\\002%s\\\\002%s\\\\002%s\\\\n" "\${BASH_SOURCE[0]}" "$LINENO" "\${BASH_LINENO[0]}" >&199' ERR`,
    "set -x",
  ]
  writeFileSync(join(own, "trace.bash"), `${lines.join("\n")}\n`)
  return { BASH_ENV: `${ownFolder}/trace.bash` }
}

interface TraceRecord {
  readonly kind: "T" | "E" | "C"
  readonly fields: readonly string[]
}

/**
 * Reads the trace: T for a command about to run, C for a wrapped call that ended, E for a failure that nobody handled.
 */
export function readTrace(own: string): Trace {
  const records = readFileSync(join(own, wrapperFiles.trace), "utf8")
    .split("\u0001")
    .flatMap((text): TraceRecord[] => {
      const [kind, ...fields] = text.split("\u0002")
      return kind === "T" || kind === "E" || kind === "C" ? [{ kind, fields }] : []
    })
  const calls = new Map<string, TracedCall>()
  let last: TraceRecord | undefined
  for (const [index, record] of records.entries()) {
    if (record.kind === "T" && !isOurTrap(record)) last = record
    if (record.kind !== "C") continue
    const next = records.slice(index + 1, index + 40).find((one) => !(one.kind === "T" && isOurTrap(one)))
    const failed = next?.kind === "E" ? placeOf(next) : undefined
    calls.set((record.fields[0] ?? "").trim(), {
      place: failed ?? (last === undefined ? undefined : placeOf(last)),
      unhandled: failed !== undefined,
    })
  }
  return { calls, last: last === undefined ? undefined : placeOf(last) }
}

function isOurTrap({ fields }: TraceRecord): boolean {
  return /^printf '?\\*001E/.test(fields[3] ?? "")
}

function placeOf({ fields: [file = "", line, from] }: TraceRecord): ScriptPlace {
  const calledFrom = Number(from) || undefined
  return { file, line: Number(line), calledFrom }
}
