import type { ChildProcess } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Host } from "./lab.ts"

// From the root of the checkout: the measurements run compiled, in a folder without it.
const program = join(process.cwd(), "test/support/lab/steady-stream.py")

/** A stream from one host to another, through whatever is between, and a TCP connection beside it that was there first. */
export interface SteadyStream {
  /** What was lost while `work` ran, of how many, and whether the connection still answers after it. */
  during(work: () => Promise<void>): Promise<{ sent: number; lost: number; isConnected: boolean }>
}

/** @param perSecond packets a second */
export async function startStream(
  from: Host,
  to: Host,
  address: string,
  port: number,
  perSecond: number,
): Promise<SteadyStream> {
  const receiver = new Talker(to.start(["python3", program, "receive", String(port)], { stdin: "pipe" }))
  await receiver.next()
  const sender = new Talker(
    from.start(["python3", program, "send", address, String(port), String(perSecond)], { stdin: "pipe" }),
  )
  await sender.next()
  return {
    async during(work) {
      const before = await sender.ask<Mark>("mark")
      await work()
      const after = await sender.ask<Mark>("mark")
      const { missing } = await receiver.ask<{ missing: number }>(`missing ${before.next} ${after.next}`)
      let later = await sender.ask<Mark>("mark")
      // A segment that was lost is sent again after 0.2 s, and again.
      for (let wait = 0; wait < 50 && later.lines <= after.lines; wait++) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        later = await sender.ask<Mark>("mark")
      }
      return { sent: after.next - before.next, lost: missing, isConnected: later.lines > after.lines }
    },
  }
}

interface Mark {
  readonly next: number
  readonly lines: number
}

/** A program that answers each line with one JSON object. */
class Talker {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null) throw new Error("no standard output")
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  async next<Shape>(): Promise<Shape> {
    const line = await this.#lines.next()
    if (line.done) throw new Error("the stream ended")
    return JSON.parse(line.value) as Shape
  }

  async ask<Shape>(line: string): Promise<Shape> {
    this.#child.stdin?.write(`${line}\n`)
    return await this.next<Shape>()
  }
}
