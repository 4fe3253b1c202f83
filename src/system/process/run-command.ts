import { execa } from "execa"
import { Fault } from "../../errors.ts"
import { MemoryFile } from "./memory-file.ts"

/** One external command: no shell, an absolute path, a time limit, a clean environment. */
export interface CommandRequest {
  /** Absolute path of the program; a bare name is refused, PATH is never searched. */
  readonly path: string
  readonly args: readonly string[]
  /** Bytes for its standard input; without it standard input is empty. */
  readonly input?: string
  /** Milliseconds until it is killed (SIGKILL); 10 000 unless told. */
  readonly timeoutMs?: number
  /**
   * Its output is long: it goes into a file in memory where there is one. nft 1.0.6 writes a word at a time, 20 000 rules in
   * 300 000 pieces, each of which would wake us up from a pipe.
   */
  readonly bulky?: boolean
  /** Its output is no text: each byte of it is the character of that number. */
  readonly binary?: boolean
}

/** How it ended. A command that ran and failed is a value; only a request that cannot be run at all throws. */
export interface CommandResult {
  readonly path: string
  readonly args: readonly string[]
  /** The exit code, or undefined when it was killed or never started. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly timedOut: boolean
  readonly stdout: string
  readonly stderr: string
  /** Why it could not be started (ENOENT, EAGAIN, ...), else undefined. */
  readonly startError: string | undefined
  readonly ok: boolean
}

/** Runs commands; passed in wherever a command is needed. */
export type RunCommand = (request: CommandRequest) => Promise<CommandResult>

/**
 * The environment every command gets: nothing of ours leaks in, messages are untranslated, and `nft -i` finds no home
 * to write a history file to.
 */
export const commandEnvironment: Readonly<Record<string, string>> = {
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
}

/**
 * Runs one command to its end and returns how it ended.
 * @throws Fault `usage` when the path is not absolute (a bug in the caller).
 */
export const runCommand: RunCommand = async (request) => {
  if (!request.path.startsWith("/"))
    throw new Fault("usage", `cannot run "${request.path}": an absolute path is wanted`)
  const file = request.bulky === true ? MemoryFile.open(maxOutput) : undefined
  try {
    const result = await execute(request, file?.descriptor)
    if (result === undefined) return notStarted(request, "EMFILE")
    return resultOf(request, result, file?.read())
  } finally {
    file?.close()
  }
}

type Executed = NonNullable<Awaited<ReturnType<typeof execute>>>

/** @param written what it has put into a file */
function resultOf(request: CommandRequest, result: Executed, written: Buffer | undefined): CommandResult {
  const started = result.exitCode !== undefined || result.signal !== undefined
  return {
    path: request.path,
    args: request.args,
    exitCode: result.exitCode,
    signal: result.signal,
    timedOut: result.timedOut,
    stdout: written?.toString(encodingOf(request)) ?? result.stdout,
    stderr: result.stderr,
    startError: started ? undefined : (result.code ?? result.shortMessage ?? "could not be started"),
    ok: result.exitCode === 0,
  }
}

function encodingOf({ binary }: CommandRequest): "latin1" | "utf8" {
  return binary === true ? "latin1" : "utf8"
}

/** The longest output that is taken, in bytes. */
const maxOutput = 256 * 1024 * 1024

/** Undefined when no descriptors are left for its pipes: execa does not foresee a spawn that returns without any. */
async function execute(request: CommandRequest, output: number | undefined) {
  const { path, args, input, timeoutMs } = request
  try {
    return await execa(path, [...args], {
      reject: false,
      extendEnv: false,
      env: { ...commandEnvironment },
      input: input ?? "",
      timeout: timeoutMs ?? 10_000,
      killSignal: "SIGKILL",
      stripFinalNewline: false,
      encoding: encodingOf(request),
      maxBuffer: maxOutput,
      // Any descriptor is taken, as spawn(3) of Node takes it; the types know only those of standard streams.
      stdout: (output ?? "pipe") as "pipe",
      shell: false,
    })
  } catch (thrown) {
    if (thrown instanceof TypeError) return undefined
    throw thrown
  }
}

function notStarted({ path, args }: CommandRequest, startError: string): CommandResult {
  const nothing = { exitCode: undefined, signal: undefined, timedOut: false, stdout: "", stderr: "" }
  return { path, args, ...nothing, startError, ok: false }
}

/** Why a command failed, on one line. */
export function failureOf(result: CommandResult): string {
  const name = result.path.slice(result.path.lastIndexOf("/") + 1)
  const how =
    result.startError ??
    (result.timedOut ? "no end in time" : (result.signal ?? `exit code ${result.exitCode}`))
  const said = result.stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
  return `${name}: ${how}${said.length > 0 ? `: ${said.slice(0, 2).join(" ")}` : ""}`
}
