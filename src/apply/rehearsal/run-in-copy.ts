import { spawn } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { type FileCopy, ownFolder } from "../../firewall/sandbox/file-copy.ts"
import type { SystemTools } from "../../system/process/system-tools.ts"
import type { InputWords } from "../candidate/input-words.ts"
import type { RuleInput } from "../input.ts"
import type { MachineCopy } from "./machine-copy.ts"

/** Where the input runs, and for how long it may. */
export interface RunLimits {
  readonly folder: string
  readonly timeoutMs: number
}

/** An input that has run in a copy. */
export interface InputRun {
  /** The copy, with the rules in force that the input came to. */
  readonly copy: MachineCopy
  readonly words: InputWords
  /** The things that it did besides rules, a line each. */
  readonly notes: readonly string[]
}

/** One run of a script or a tool in a copy, ended. */
export interface ScriptRun {
  /** Undefined when it was killed. */
  readonly exitCode: number | undefined
  readonly timedOut: boolean
  /** The end of what it printed to standard error. */
  readonly stderr: string
  /** Processes that it left running; they were ended. */
  readonly leftRunning: number
}

/**
 * The capabilities of a script of rules (capabilities(7)): networks, and to be root among files. None that reaches out of the
 * namespaces: modules, mounts, clocks, devices, the kernel's log, other people's processes.
 */
const kept = [
  ...["net_admin", "net_raw", "net_bind_service"],
  ...["chown", "dac_override", "fowner", "fsetid", "setfcap"],
  ...["setuid", "setgid", "setpcap", "kill", "sys_chroot", "sys_nice", "ipc_lock", "ipc_owner"],
]

/** How much of its messages is kept: the end. */
const keptCharacters = 64 * 1024

/**
 * The path by which a script is run in the copy: its own where the copy has it, or else a file among ours (standard
 * input, a file below /run, a descriptor of the shell).
 */
export function pathInCopy(copy: FileCopy, input: RuleInput, folder: string): string {
  const own = resolve(folder, input.name)
  try {
    if (readFileSync(join(copy.root, own), "utf8") === input.text) return input.name
  } catch {
    // It is not there.
  }
  writeFileSync(join(copy.own, "input"), input.text, { mode: 0o700 })
  return `${ownFolder}/input`
}

/**
 * Runs a command in the copy, as root without what would reach out of it.
 * @param environment what it inherits
 */
export async function runScript(
  copy: FileCopy,
  system: SystemTools,
  command: readonly string[],
  options: RunLimits & {
    readonly environment: Readonly<Record<string, string | undefined>>
    readonly input?: string
  },
): Promise<ScriptRun> {
  const { setpriv, nsenter, sh } = system
  const capabilities = ["-all", ...kept.map((name) => `+${name}`)].join(",")
  const folder = existsSync(options.folder) ? options.folder : dirname(ownFolder)
  const child = spawn(
    setpriv,
    ["--pdeathsig", "KILL", nsenter, ...copy.enter]
      .concat([setpriv, "--bounding-set", capabilities, "--inh-caps", "-all", "--"])
      .concat([sh, "-c", `cd "$0" && exec "$@"`, folder, ...command]),
    // No pipe for standard output: a wrapper looks who reads from one. A session of its own has no terminal.
    { stdio: ["pipe", "ignore", "pipe"], env: { ...options.environment }, detached: true },
  )
  child.stdin.on("error", () => {})
  child.stdin.end(options.input ?? "")
  let stderr = ""
  child.stderr.on("data", (chunk) => {
    stderr = (stderr + String(chunk)).slice(-keptCharacters)
  })
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    void endAll(copy, system)
  }, options.timeoutMs)
  // Not "close": what it left running may hold its output open.
  const exitCode = await new Promise<number | undefined>((settle) => {
    child.once("exit", (code) => settle(code ?? undefined))
    child.once("error", () => settle(undefined))
  })
  clearTimeout(timer)
  const leftRunning = await endAll(copy, system)
  await new Promise<void>((settle) => {
    if (child.stderr.closed) settle()
    else child.once("close", () => settle())
  })
  return { exitCode: timedOut ? undefined : exitCode, timedOut, stderr, leftRunning }
}

/** Ends every process of the copy but the one that holds it; returns how many there were. */
async function endAll(copy: FileCopy, system: SystemTools): Promise<number> {
  // kill(2): -1 is everything in this pid namespace but its init and the caller.
  const count = "n=-2; for p in /proc/[0-9]*; do n=$((n + 1)); done; echo $n; kill -9 -1"
  const done = await copy.runInside({ path: system.sh, args: ["-c", count] })
  return Math.max(0, Number(done.stdout) || 0)
}
