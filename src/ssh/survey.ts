import { Fault } from "../errors.ts"
import type { Master } from "./master.ts"

/** The facts about the machine that ssh logs in to. */
export interface Survey {
  /** Who logs in is root. */
  readonly isRoot: boolean
  /** sudo runs fw-watchdog: without a password, with one (or not at all: only trying tells), or it is not there. */
  readonly sudo: "free" | "asks" | "missing"
  /** The absolute paths of the programs, and their version; undefined where they are not installed. */
  readonly installed:
    | { readonly watchdog: string; readonly apply: string; readonly version: string }
    | undefined
  /** Debian's name of its architecture, such as amd64; empty where there is no dpkg. */
  readonly architecture: string
  /** The address that this login came in on; undefined where sshd does not say. */
  readonly address: string | undefined
}

/**
 * A script for sh, on its standard input: the login shell may be any. Folders that a login without a terminal does not search are
 * searched too.
 */
const script = `PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
say() { printf '\\036%s %s\\n' "$1" "$2"; }
say uid "$(id -u)"
watchdog=$(command -v fw-watchdog) || watchdog=
if [ -n "$watchdog" ]; then
  say watchdog "$watchdog"
  say apply "$(command -v fw-apply)"
  say version "$("$watchdog" --version 2>/dev/null </dev/null)"
fi
if ! command -v sudo >/dev/null; then say sudo missing
elif sudo -n -- "\${watchdog:-true}" --version >/dev/null 2>&1 </dev/null; then say sudo free
else say sudo asks; fi
say architecture "$(dpkg --print-architecture 2>/dev/null)"
say connection "$SSH_CONNECTION"
say over over
`

/**
 * Looks around on the other machine, and changes nothing.
 * @returns undefined when the account there runs no commands
 * @throws Fault `no-answer` when the connection breaks
 */
export async function survey(master: Pick<Master, "run">): Promise<Survey | undefined> {
  const { code, lines } = await master.run({ command: "exec /bin/sh -s", input: script })
  const said = new Map(lines.map((line) => [line.split(" ", 1)[0] ?? "", line.slice(line.indexOf(" ") + 1)]))
  if (!said.has("over")) {
    if (code === 255) throw new Fault("no-answer", "the ssh connection broke while we looked around there")
    return undefined
  }
  const [watchdog = "", apply = "", version = ""] = ["watchdog", "apply", "version"].map((key) =>
    said.get(key),
  )
  const [, , address] = (said.get("connection") ?? "").split(" ")
  const sudo = said.get("sudo")
  return {
    isRoot: said.get("uid") === "0",
    sudo: sudo === "free" || sudo === "asks" ? sudo : "missing",
    installed: watchdog === "" ? undefined : { watchdog, apply, version },
    architecture: said.get("architecture") ?? "",
    address: address === "" ? undefined : address,
  }
}
