import type { ChildProcess } from "node:child_process"
import { createInterface } from "node:readline"
import type { Host } from "../../support/lab/lab.ts"
import { benchFolder } from "../paths.ts"
import { asClient } from "../stage.ts"

/**
 * One of the Python programs beside this file, running in a host: it prints one JSON object a line. Python and not Node,
 * which can neither open a packet socket with the kernel's stamps nor say what a child cost.
 */
export class Instrument {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>
  readonly #program: string
  #said = ""

  constructor(
    host: Host,
    program: string,
    args: readonly string[],
    on: "client's processor" | "any processor" = "client's processor",
  ) {
    const command = ["/usr/bin/python3", `${benchFolder}/instruments/${program}`, ...args]
    this.#program = program
    this.#child = host.start(on === "any processor" ? command : asClient(command), { stdin: "pipe" })
    this.#child.stdin?.on("error", () => {}) // it has ended; the next line that is waited for says so
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve))
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-500)
    })
    if (this.#child.stdout === null) throw new Error(`${program}: no standard output`)
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** The next object that it prints; throws with its own words when it ended instead. */
  async next<Shape>(): Promise<Shape> {
    const line = await this.#lines.next()
    if (line.done) throw new Error(`${this.#program} ended: ${this.#said.trim() || "without a word"}`)
    return JSON.parse(line.value) as Shape
  }

  /** Writes a line to it, for the one that answers: its next object. */
  async ask<Shape>(line: string): Promise<Shape> {
    this.#child.stdin?.write(`${line}\n`)
    return await this.next<Shape>()
  }

  /** Ends it, and returns when it is gone. */
  async end(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#ended
  }
}
