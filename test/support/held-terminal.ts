import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Host } from "./lab/lab.ts"

const holder = fileURLToPath(new URL("./terminal-holder.py", import.meta.url))

/** A command in the foreground of a terminal, and what the terminal's other end does. */
export class HeldTerminal {
  /** The command's process. */
  readonly viewer: number
  readonly #ask: (line: string) => Promise<string>

  private constructor(viewer: number, ask: (line: string) => Promise<string>) {
    this.viewer = viewer
    this.#ask = ask
  }

  static async run(host: Host, command: readonly string[], env: NodeJS.ProcessEnv): Promise<HeldTerminal> {
    const child = host.start(["/usr/bin/python3", holder, ...command], { stdin: "pipe", env })
    if (child.stdout === null) throw new Error("the holder has no standard output")
    const waiting: ((line: string) => void)[] = []
    createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(line))
    const next = (): Promise<string> => new Promise((resolve) => waiting.push(resolve))
    const job = await next()
    return new HeldTerminal(Number(job.split(" ")[1]), async (line) => {
      const answer = next()
      child.stdin?.write(`${line}\n`)
      return await answer
    })
  }

  type(bytes: string): Promise<string> {
    return this.#ask(`type ${Buffer.from(bytes).toString("hex")}`)
  }

  async shown(): Promise<number> {
    return Number(await this.#ask("shown"))
  }

  /** From now on nobody reads, and its buffer is full. */
  unread(): Promise<string> {
    return this.#ask("unread")
  }

  close(): Promise<string> {
    return this.#ask("close")
  }
}
