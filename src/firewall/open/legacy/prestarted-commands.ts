import type { LoaderProcess, StartLoader } from "../../../system/process/standby-process.ts"

/** How a command ended that had been waiting. */
export interface Ended {
  readonly ok: boolean
  readonly stdout: string
  /** Why it failed, on one line; empty when it did not. */
  readonly error: string
}

interface Waiting {
  readonly process: LoaderProcess
  out: string
  error: string
  ended: ((why: string) => void) | undefined
}

/**
 * A shell that holds the program open, waits for one line of arguments, and then becomes the program: no fork, and the
 * file may be gone by then. Arguments are split at blanks; none of ours holds any.
 */
const script = 'exec 9<"$0"; set -f; read -r line || exit; exec /proc/self/fd/9 $line'

/**
 * For programs without a mode that waits (arptables-legacy, ebtables-legacy): as many commands as an open and a second one
 * may need, each started beforehand, each good for one use.
 */
export class PrestartedCommands {
  readonly #path: string
  readonly #shell: string
  readonly #count: number
  readonly #start: StartLoader
  readonly #waiting: Waiting[] = []
  #closed = false

  constructor(path: string, shell: string, count: number, start: StartLoader) {
    this.#path = path
    this.#shell = shell
    this.#count = count
    this.#start = start
  }

  get pids(): readonly number[] {
    return this.#waiting.map(({ process }) => process.pid).filter((pid) => pid !== undefined)
  }

  /** Starts what is missing; where nothing can be started, what is left stays. */
  fill(): void {
    while (!this.#closed && this.#waiting.length < this.#count) if (!this.#add()) return
  }

  /** Runs one command in a process that waits already; undefined when none is left. */
  async run(args: readonly string[]): Promise<Ended | undefined> {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) return undefined
    const why = await new Promise<string>((resolve) => {
      waiting.ended = resolve
      waiting.process.write(`${args.join(" ")}\n`)
    })
    const ok = why === "exit code 0"
    const error = ok ? "" : `${why}: ${waiting.error.replace(/\s+/g, " ").trim()}`
    return { ok, stdout: waiting.out, error }
  }

  close(): void {
    this.#closed = true
    for (const { process } of this.#waiting.splice(0)) process.kill()
  }

  #add(): boolean {
    let made: Waiting | undefined
    const forget = (): void => {
      const index = made === undefined ? -1 : this.#waiting.indexOf(made)
      if (index >= 0) this.#waiting.splice(index, 1)
    }
    try {
      const process = this.#start(
        { path: this.#shell, args: ["-c", script, this.#path] },
        {
          onOut: (piece) => {
            if (made) made.out += piece
          },
          onError: (piece) => {
            if (made) made.error += piece
          },
          onEnd: (why) => {
            forget()
            made?.ended?.(why)
          },
        },
      )
      if (process.pid === undefined) return false
      made = { process, out: "", error: "", ended: undefined }
      this.#waiting.push(made)
      return true
    } catch {
      return false
    }
  }
}
