import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { behindFolder, type FileCopy, linkOwn, ownFolder } from "../firewall/rehearsal/file-copy.ts"
import type { SystemTools } from "../firewall/system-tools.ts"
import type { RuleInput } from "./input.ts"
import { realLink, type Wrapped, wrapperFiles } from "./script-wrappers.ts"

/** How a script went. */
export interface ScriptRun {
  /** Undefined when it was killed. */
  readonly exitCode: number | undefined
  readonly timedOut: boolean
  /** The end of what it printed. */
  readonly stdout: string
  readonly stderr: string
  /** Processes that it left running; they were ended. */
  readonly leftRunning: number
}

/** What no script of rules needs, and what would reach out of the namespaces: modules, mounts, clocks, the machine's end. */
const dropped = [
  "sys_admin",
  "sys_module",
  "sys_boot",
  "sys_time",
  "sys_rawio",
  "mknod",
  "linux_immutable",
  "mac_admin",
  "audit_control",
]

/** How much of its output is kept: the end. */
const keptBytes = 64 * 1024

/** Puts the files of the wrappers into a copy. */
export function layWrappers(copy: FileCopy, programs: readonly Wrapped[]): void {
  for (const name of [wrapperFiles.errors, wrapperFiles.inputs]) mkdirSync(join(copy.own, name))
  for (const name of [wrapperFiles.calls, wrapperFiles.trace]) writeFileSync(join(copy.own, name), "")
  const wrapped = new Set(programs.map(({ path }) => path))
  // The program itself may stand where its wrapper does now.
  for (const { path, real } of programs)
    linkOwn(copy, realLink(path), wrapped.has(real) ? `${behindFolder}${real}` : real)
}

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

/** The interpreter of a script and its one argument, as execve(2) reads them; `sh` where the first line names none. */
export function interpreterOf(text: string, sh: string): string[] {
  const [, program, argument] = /^#![ \t]*(\S+)(?:[ \t]+([^\n]*?))?[ \t]*\r?(?:\n|$)/.exec(text) ?? []
  if (program === undefined) return [sh]
  return argument === undefined || argument === "" ? [program] : [program, argument]
}

/**
 * Runs a command in the copy, as root without what would reach out of it.
 * @param environment what it inherits
 */
export async function runScript(
  copy: FileCopy,
  system: SystemTools,
  command: readonly string[],
  options: {
    readonly folder: string
    readonly timeoutMs: number
    readonly environment: Readonly<Record<string, string | undefined>>
    readonly input?: string
  },
): Promise<ScriptRun> {
  const { setpriv, nsenter, sh } = system
  const capabilities = dropped.map((name) => `-${name}`).join(",")
  const folder = existsSync(options.folder) ? options.folder : dirname(ownFolder)
  const child = spawn(
    setpriv,
    ["--pdeathsig", "KILL", nsenter, ...copy.enter]
      .concat([setpriv, "--bounding-set", capabilities, "--inh-caps", "-all", "--"])
      .concat([sh, "-c", `cd "$0" && exec "$@"`, folder, ...command]),
    { stdio: ["pipe", "pipe", "pipe"], env: { ...options.environment } },
  )
  child.stdin.on("error", () => {})
  child.stdin.end(options.input ?? "")
  const said = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (chunk) => {
      said[name] = (said[name] + String(chunk)).slice(-keptBytes)
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
    if (child.stdout.closed && child.stderr.closed) settle()
    else child.once("close", () => settle())
  })
  return { exitCode: timedOut ? undefined : exitCode, timedOut, ...said, leftRunning }
}

/** Ends every process of the copy but the one that holds it; returns how many there were. */
async function endAll(copy: FileCopy, system: SystemTools): Promise<number> {
  // kill(2): -1 is everything in this pid namespace but its init and the caller.
  const count = "n=-2; for p in /proc/[0-9]*; do n=$((n + 1)); done; echo $n; kill -9 -1"
  const done = await copy.runInside({ path: system.sh, args: ["-c", count] })
  return Math.max(0, Number(done.stdout) || 0)
}
