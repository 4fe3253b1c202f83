import { type ChildProcess, spawn } from "node:child_process"
import type { Clock, Timer } from "../../clock.ts"
import { reasonOf } from "../../errors.ts"
import { signalChild } from "../../signal-child.ts"
import { commandEnvironment } from "./run-command.ts"

/** A program that is started at arming and waits on its standard input. */
export interface LoaderCommand {
  /** Absolute path. */
  readonly path: string
  readonly args: readonly string[]
  /** On top of the environment that every command gets. */
  readonly env?: Readonly<Record<string, string>>
}

/** A running loader. Its text arrives in pieces; `onEnd` is called once, also when it could not be started. */
export interface LoaderProcess {
  readonly pid: number | undefined
  write(text: string): void
  kill(): void
}

export interface LoaderEvents {
  onOut(piece: string): void
  onError(piece: string): void
  onEnd(why: string): void
}

/** Starts a loader; passed in, so that a test can start it in a namespace of its own. */
export type StartLoader = (command: LoaderCommand, events: LoaderEvents) => LoaderProcess

/** {@link StartLoader} of this machine. */
export const startLoader: StartLoader = ({ path, args, env }, events) => {
  const child: ChildProcess = spawn(path, args, {
    cwd: "/",
    env: { ...commandEnvironment, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  })
  let ended = false
  const end = (why: string): void => {
    if (!ended) events.onEnd(why)
    ended = true
  }
  child.once("error", (error) => end(error.message))
  child.once("close", (code, signal) => end(signal === null ? `exit code ${code}` : signal))
  // There are no pipes when no descriptors were left for them; that is told by `error`. A write to one that has just died
  // is told by its end.
  child.stdin?.on("error", () => {})
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => events.onOut(piece))
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => events.onError(piece))
  return {
    pid: child.pid,
    write: (text) => child.stdin?.write(text),
    kill: () => signalChild(child, "SIGKILL"),
  }
}

/** The answer of a loader to one request. `ended` tells why it died over it, when it did. */
export interface Said {
  readonly out: string
  readonly error: string
  readonly ended?: string
}

interface Request {
  readonly text: string
  readonly timeoutMs: number
  readonly isAnswered: (newest: string, error: string) => boolean
  readonly resolve: (said: Said) => void
}

/** How much of what came before the newest piece is looked at again for an answer, in characters. */
const tailLength = 400

/** A loader that died sooner than this is not replaced at once, or a broken program would spin. */
const steadyMs = 2_000

/**
 * One watched loader. Requests are answered one after the other; when it dies, the request it died over is answered
 * with `ended`, and another is started at once.
 */
export class StandbyProcess {
  readonly #command: LoaderCommand
  readonly #deps: { start: StartLoader; clock: Clock; log: (line: string) => void }
  #process: LoaderProcess | undefined
  #startedMs = 0
  #early = 0
  #waiting: Request[] = []
  #current: Request | undefined
  #limit: Timer | undefined
  #restart: Timer | undefined
  #out: string[] = []
  #tail = ""
  #error = ""
  #closed = false

  constructor(
    command: LoaderCommand,
    deps: { readonly start: StartLoader; readonly clock: Clock; readonly log: (line: string) => void },
  ) {
    this.#command = command
    this.#deps = deps
    this.#start()
  }

  /** The process id of the one that is waiting now; undefined while there is none. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** True when one is waiting, with nothing to do. */
  get idle(): boolean {
    return this.#process !== undefined && this.#current === undefined && this.#waiting.length === 0
  }

  /**
   * Writes `text` and resolves with what came back once `isAnswered` holds for the newest piece of output (with a little
   * of what came before it) or for what was said on standard error. Never rejects; ends it after `timeoutMs`.
   */
  ask(text: string, isAnswered: Request["isAnswered"], timeoutMs: number): Promise<Said> {
    return new Promise((resolve) => {
      if (this.#process === undefined) {
        resolve({ out: "", error: "", ended: "none is waiting" })
        return
      }
      this.#waiting.push({ text, isAnswered, timeoutMs, resolve })
      this.#next()
    })
  }

  /** Ends it for good. */
  close(): void {
    this.#closed = true
    this.#restart?.cancel()
    this.#process?.kill()
  }

  #start(): void {
    this.#startedMs = this.#deps.clock.bootMs()
    this.#out = []
    this.#tail = ""
    this.#error = ""
    let ended = false
    const events: LoaderEvents = {
      onOut: (piece) => this.#heard(piece, ""),
      onError: (piece) => this.#heard("", piece),
      onEnd: (why) => {
        ended = true
        this.#ended(why)
      },
    }
    try {
      const process = this.#deps.start(this.#command, events)
      if (!ended && process.pid !== undefined) this.#process = process
    } catch (thrown) {
      if (!ended) this.#ended(reasonOf(thrown))
    }
  }

  #ended(why: string): void {
    this.#process = undefined
    this.#limit?.cancel()
    const lost = this.#current === undefined ? this.#waiting : [this.#current, ...this.#waiting]
    const said = { out: this.#out.join(""), error: this.#error, ended: why }
    this.#current = undefined
    this.#waiting = []
    if (!this.#closed) {
      const early = this.#deps.clock.bootMs() - this.#startedMs < steadyMs
      this.#early = early ? this.#early + 1 : 0
      this.#deps.log(`standby ${this.#command.path} (${why}) is being replaced`)
      // The first replacement is immediate; one that dies at once, again and again, is given time.
      if (this.#early <= 2) this.#start()
      else this.#restart = this.#deps.clock.after(Math.min(30_000, 500 * this.#early), () => this.#start())
    }
    for (const request of lost) request.resolve(said)
  }

  #next(): void {
    if (this.#current !== undefined || this.#process === undefined) return
    const request = this.#waiting.shift()
    if (request === undefined) return
    this.#current = request
    this.#out = []
    this.#tail = ""
    this.#error = ""
    const process = this.#process
    this.#limit = this.#deps.clock.after(request.timeoutMs, () => process.kill())
    process.write(request.text)
  }

  #heard(piece: string, error: string): void {
    const request = this.#current
    if (request === undefined) return
    // An answer may come in any number of pieces.
    const newest = this.#tail + piece
    this.#tail = newest.slice(-tailLength)
    if (piece !== "") this.#out.push(piece)
    this.#error += error
    if (!request.isAnswered(newest, this.#error)) return
    // What it wrote to standard error before its answer may be read after it: the next turn of the loop has it.
    setImmediate(() => setImmediate(() => this.#answered(request)))
  }

  #answered(request: Request): void {
    if (this.#current !== request) return
    this.#limit?.cancel()
    this.#current = undefined
    request.resolve({ out: this.#out.join(""), error: this.#error })
    this.#next()
  }
}
