import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Fault } from "../errors.ts"
import { type Destination, destinationArgs, noSsh } from "./config.ts"
import { MarkedLines } from "./marked-lines.ts"
import { privateLogin } from "./private-login.ts"

/** A command on the other machine. */
export interface RemoteRun {
  /** For the shell there: see remoteCommand. */
  readonly command: string
  /** Gives it a terminal there, and this one's input: sudo asks for its password on it. */
  readonly terminal?: boolean
  /** Its standard input, where it has no terminal. */
  readonly input?: string | Uint8Array
  /** Takes what it and the shell there print beside the lines for us. */
  readonly passOn?: (bytes: Uint8Array) => void
}

/** How it ended. */
export interface RemoteEnd {
  /** ssh's own is 255: the connection is gone, or there was none. */
  readonly code: number
  /** The lines that it wrote for us, behind a record separator. */
  readonly lines: readonly string[]
}

/**
 * One ssh login that everything goes over: a private master connection (ControlMaster of ssh_config(5)), which nobody else finds and
 * nothing of the operator's own configuration steers.
 */
export class Master {
  readonly #words: readonly string[]
  readonly #destination: Destination
  readonly #folder: string

  private constructor(words: readonly string[], destination: Destination, folder: string) {
    this.#words = words
    this.#destination = destination
    this.#folder = folder
  }

  /**
   * Logs in; ssh asks on the terminal for whatever it wants.
   * @param words what ssh begins with
   * @throws Fault `no-answer` when ssh does not get in; it has said why
   */
  static async open(
    words: readonly string[],
    destination: Destination,
    env: Readonly<Record<string, string | undefined>>,
  ): Promise<Master> {
    const folder = makeSocketFolder(env)
    const master = new Master(words, destination, folder)
    const args = ["-f", "-N", "-T", "-o", "ControlMaster=yes"]
    const code = await ended(master.#start(args, ["inherit", "ignore", "inherit"], []))
    if (code === 0) return master
    rmSync(folder, { recursive: true, force: true })
    throw new Fault("no-answer", `ssh does not get in to ${destination.name}`, {
      hint: `nothing was done there; try it alone: ssh ${destination.name}`,
    })
  }

  /** Runs a command over the login that stands. @returns its end; nothing of it is shown but by `passOn` */
  async run({ command, terminal = false, input, passOn = () => {} }: RemoteRun): Promise<RemoteEnd> {
    // Without the master a fall-back would log in anew, and ask again.
    const args = ["-o", "ProxyCommand=false", "-o", "ControlMaster=no", terminal ? "-tt" : "-T"]
    // Or each end of a terminal there would be told as the end of the connection.
    if (terminal) args.push("-o", "LogLevel=QUIET")
    const child = this.#start(args, [terminal ? "inherit" : "pipe", "pipe", "inherit"], [command], !terminal)
    const marked = new MarkedLines(passOn)
    child.stdout?.on("data", (chunk: Buffer) => marked.feed(chunk))
    child.stdin?.on("error", () => {}) // its early end is told by the exit code
    child.stdin?.end(input ?? "")
    return { code: await ended(child), lines: marked.lines }
  }

  /** Ends the login. */
  async close(): Promise<void> {
    await ended(this.#start(["-O", "exit"], ["ignore", "ignore", "ignore"], [])).catch(() => {})
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** @param apart in a process group of its own, which Ctrl-C does not reach: the other end would go on without us */
  #start(
    args: readonly string[],
    stdio: ("inherit" | "ignore" | "pipe")[],
    command: readonly string[],
    apart = false,
  ): ChildProcess {
    const [program = "ssh", ...options] = this.#words
    const path = ["-o", `ControlPath=${join(this.#folder, "s")}`]
    const all = [
      ...options,
      ...path,
      ...args,
      ...ownOptions,
      ...destinationArgs(this.#destination),
      ...command,
    ]
    return spawn(program, all, { stdio, detached: apart })
  }
}

/** A connection that is dead is known to be within 12 s. */
const ownOptions = [
  ...privateLogin,
  ...["ControlPersist=no", "ServerAliveInterval=3", "ServerAliveCountMax=3"].flatMap((one) => ["-o", one]),
]

/**
 * A folder for the socket, which nobody else can look into. A path has at most 107 characters (unix(7)), and ssh adds 17 while it makes
 * the socket.
 * @throws Fault `permission`
 */
function makeSocketFolder(env: Readonly<Record<string, string | undefined>>): string {
  // After su or sudo the first may be another user's, or gone.
  for (const place of [env.XDG_RUNTIME_DIR, tmpdir()]) {
    try {
      if (place) return mkdtempSync(join(place, "fw-knock-"))
    } catch {
      // The next one.
    }
  }
  throw new Fault("permission", `cannot make a folder in ${tmpdir()} for ssh's socket`)
}

async function ended(child: ChildProcess): Promise<number> {
  return await new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(noSsh(child.spawnfile, cause)))
    child.once("close", (code) => resolve(code ?? 255))
  })
}
