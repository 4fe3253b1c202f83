import type { ChildProcess } from "node:child_process"
import { createInterface } from "node:readline"
import type { Host } from "../../support/lab/lab.ts"

/** A shell that waits in a host: it can still start programs when this process cannot fork any more. */
export class WaitingShell {
  readonly #child: ChildProcess
  readonly #waiting: { resolve: () => void; reject: (error: Error) => void }[] = []

  constructor(host: Host) {
    this.#child = host.start(["sh"], { stdin: "pipe" })
    if (this.#child.stdout === null) throw new Error("the shell has no standard output")
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const end = /^ended (\d+)$/.exec(line)
      if (end === null) return
      const next = this.#waiting.shift()
      if (end[1] === "0") next?.resolve()
      else next?.reject(new Error(`the script ended with ${end[1]}`))
    })
  }

  run(script: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#child.stdin?.write(`(set -e\n${script}\n) >/dev/null; echo "ended $?"\n`)
    })
  }
}
