import { type ChildProcessByStdio, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import type { Lookup } from "./resolve.ts"

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
 * @returns the same answers as `dns.promises.lookup` with `all`, and what ends that process
 */
export function openManyLookups(env: Readonly<Record<string, string | undefined>>): {
  readonly lookup: Lookup
  close(): void
} {
  let asker: Asker | undefined
  return {
    lookup(name, family) {
      asker ??= new Asker(env)
      return asker.ask(name, family)
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
    this.#child.kill()
  }

  #end(): void {
    this.#ended = true
    for (const answered of this.#waiting.values()) answered({ code: "EAI_SYSTEM" })
    this.#waiting.clear()
  }
}
