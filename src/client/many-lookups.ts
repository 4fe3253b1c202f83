import { type ChildProcessByStdio, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import type { Clock } from "../clock.ts"
import { signalChild } from "../signal-child.ts"
import { Pace } from "./pace.ts"
import { inTime, type Lookup } from "./resolve.ts"

/** getaddrinfo(3) waits in a thread of libuv's pool, and has half of them at most. */
const threads = 256

/** A line in is a question, a line out its answer. */
const program = `
const { lookup } = require("node:dns").promises
require("node:readline").createInterface({ input: process.stdin }).on("line", async (line) => {
  const [id, family, name] = line.split(" ")
  const said = await lookup(name, { all: true, family: Number(family), verbatim: true }).then(
    (found) => ({ addresses: found.map(({ address }) => address) }),
    ({ code }) => ({ code }),
  )
  console.log(JSON.stringify({ id: Number(id), ...said }))
})
`

interface Said {
  readonly id: number
  readonly addresses?: readonly string[]
  readonly code?: string
}

/**
 * The machine's resolver for thousands of names. Node asks it for two at a time, and how many threads it has is settled before
 * the first line of a program runs; so a process of its own asks, begun with more when the first name is asked for.
 * @param limitMs for each name, from when it is asked for
 * @returns the same answers as `dns.promises.lookup` with `all`, and what ends that process
 */
export function openManyLookups(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  limitMs: number,
): {
  readonly lookup: Lookup
  close(): void
} {
  let asker: Asker | undefined
  // The time of a question begins when it is asked, not when it waits behind others.
  const questions = new Pace(clock, { window: threads / 2 })
  return {
    lookup(name, family) {
      return questions.run(() => {
        asker ??= new Asker(env)
        return inTime(asker.ask(name, family), limitMs, clock)
      })
    },
    close: () => asker?.close(),
  }
}

/** The process that asks. */
class Asker {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #waiting = new Map<number, (said: Omit<Said, "id">) => void>()
  #asked = 0
  #ended = false

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#child = spawn(process.execPath, ["--eval", program], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...env, UV_THREADPOOL_SIZE: String(threads) },
    })
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { id, ...said } = JSON.parse(line) as Said
      this.#waiting.get(id)?.(said)
      this.#waiting.delete(id)
    })
    this.#child.stdin.on("error", () => {})
    this.#child.once("error", () => this.#end())
    this.#child.once("close", () => this.#end())
  }

  ask(name: string, family: 0 | 4 | 6): Promise<readonly { readonly address: string }[]> {
    this.#asked += 1
    const id = this.#asked
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ addresses, code }) => {
        if (addresses === undefined) reject(Object.assign(new Error(code), { code }))
        else resolve(addresses.map((address) => ({ address })))
      })
      if (this.#ended) this.#end()
      else this.#child.stdin.write(`${id} ${family} ${name}\n`)
    })
  }

  close(): void {
    signalChild(this.#child)
  }

  #end(): void {
    this.#ended = true
    for (const answered of this.#waiting.values()) answered({ code: "EAI_SYSTEM" })
    this.#waiting.clear()
  }
}
