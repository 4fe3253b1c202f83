import type { SystemTools } from "../../system/process/system-tools.ts"
import type { RestoreStep } from "./plan/steps.ts"

/**
 * How a restore ended, as `run.sh` writes it into `result`: `restored`, or the step that failed (by its index) and
 * whether everything went back.
 */
export type ScriptResult =
  | { readonly end: "restored" }
  | { readonly end: "put-back"; readonly failed: string }
  | { readonly end: "half"; readonly failed: string; readonly failedBack: string }

/**
 * Renders a restore as a shell script with its data in files beside it. It is the script, not the process that started
 * it, that sees the restore through: it has a session of its own, ignores what a terminal or a service manager sends,
 * needs nothing from its parent, and when a step fails it puts everything back at once. It may be started again after
 * having been cut off anywhere. `lock`, in the folder above, lets one restore run at a time. Its argument is its folder.
 * @returns the files by name; `run.sh` is the script
 */
export function renderRestore(
  forward: readonly RestoreStep[],
  back: readonly RestoreStep[],
  system: SystemTools,
): Map<string, string> {
  const files = new Map<string, string>()
  const lines = (steps: readonly RestoreStep[], letter: string): string[] =>
    steps.map((step, index) => {
      const id = `${letter}${index}`
      files.set(`${id}.in`, step.input)
      const command = step.command.map((word) => shellWord(word === "{file}" ? `./${id}.in` : word)).join(" ")
      const line = `step ${id} ${system.timeout} -s KILL 60 ${command}`
      return step.mayFail ? `${line} || :` : letter === "f" ? `${line} || return 1` : `${line} || worked=1`
    })
  const script = `#!/bin/sh
# Written by fw-watchdog, which may be gone by now: this finishes by itself.
trap '' HUP INT QUIT PIPE TERM TSTP TTIN TTOU
cd "$1" || exit 1
exec </dev/null >>log 2>&1
exec 9>>../lock
${system.flock} -x 9 || exit 1
[ -e result ] && exit 0
: >started

end() { printf '%s\\n' "$*" >result.new && ${system.mv} result.new result; }

# Again when something else was in the way: a set that deleted rules held is free a moment after them (nf_tables destroys
# them in a worker). From the second time on not behind a lock that somebody sits on.
step() {
  id=$1
  shift
  unset XTABLES_LOCKFILE
  for pause in 0.02 0.05 0.1 0.2 -; do
    "$@" <"$id.in" 2>"$id.err" 9>&- && return 0
    case "$(${system.cat} "$id.err")" in
      *temporarily*|*busy*|*lock*|*again*|*nterrupted*|*'in use'*) ;;
      *) break ;;
    esac
    [ "$pause" = - ] && break
    export XTABLES_LOCKFILE=./xtables.lock
    ${system.sleep} "$pause"
  done
  failed=$id
  return 1
}

forward() {
${["  :", ...lines(forward, "f").map((line) => `  ${line}`)].join("\n")}
}

# One that fails does not stop the next: as much as can goes back.
back() {
  worked=0
${lines(back, "b")
  .map((line) => `  ${line}`)
  .join("\n")}
  return $worked
}

if forward; then end restored; exit 0; fi
first=$failed
if back; then end put-back "$first"; else end half "$first" "$failed"; fi
`
  files.set("run.sh", script)
  return files
}

/** Reads `result`; undefined when the script was cut off. */
export function parseScriptResult(text: string): ScriptResult | undefined {
  const [end, failed = "", failedBack = ""] = text.trim().split(" ")
  if (end === "restored") return { end }
  if (end === "put-back") return { end, failed }
  if (end === "half") return { end, failed, failedBack }
  return undefined
}

function shellWord(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
