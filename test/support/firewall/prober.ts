import type { ChildProcess } from "node:child_process"
import { createInterface } from "node:readline"
import type { Host } from "../lab/lab.ts"

const program = `
const net = require("net")
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [address, port, ms] = line.split(" ")
  const socket = net.connect(Number(port), address)
  const end = (text) => { clearTimeout(limit); socket.destroy(); if (!socket.told) console.log(line + " " + text); socket.told = true }
  const limit = setTimeout(() => end("shut"), Number(ms))
  socket.on("data", () => end("open"))
  socket.on("error", () => end("shut"))
})`

/** A process in a host that makes TCP connections for us: no fork for each of them. */
export class Prober {
  readonly #child: ChildProcess
  readonly #waiting: { key: string; resolve: (open: boolean) => void }[] = []

  constructor(host: Host) {
    this.#child = host.start([process.execPath, "-e", program], { stdin: "pipe" })
    if (this.#child.stdout === null) throw new Error("the prober has no standard output")
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const key = line.slice(0, line.lastIndexOf(" "))
      const index = this.#waiting.findIndex((one) => one.key === key)
      const [found] = index < 0 ? [] : this.#waiting.splice(index, 1)
      found?.resolve(line.endsWith(" open"))
    })
  }

  /** Does a new TCP connection come up and is it greeted, within `ms`? */
  reaches(address: string, port = 22, ms = 700): Promise<boolean> {
    const key = `${address} ${port} ${ms}`
    return new Promise((resolve) => {
      this.#waiting.push({ key, resolve })
      this.#child.stdin?.write(`${key}\n`)
    })
  }

  /** Every address, at once. */
  async each(addresses: readonly string[], ms?: number): Promise<boolean[]> {
    return await Promise.all(addresses.map((address) => this.reaches(address, 22, ms)))
  }
}
