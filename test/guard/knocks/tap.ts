import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseSavefile } from "../../../src/capture/savefile-source.ts"
import type { Host, Lab } from "../../support/lab/lab.ts"
import { eventually } from "../../support/lab/programs.ts"

/** One packet that tcpdump wrote down. */
export interface Captured {
  readonly frame: Uint8Array
  /** The last 128 bytes: of a knock or an answer, its message. */
  readonly message: Uint8Array
}

/** tcpdump on one device: what it writes down can be replayed. */
export class Tap {
  readonly #path: string
  readonly #stop: () => Promise<void>

  private constructor(path: string, stop: () => Promise<void>) {
    this.#path = path
    this.#stop = stop
  }

  /** Starts writing down what fits the pcap-filter(7) text; resolves when it does. */
  static async start(
    lab: Lab,
    host: Host,
    device: string,
    filter: string,
    direction = "inout",
  ): Promise<Tap> {
    const path = join(lab.folder, `tap-${Math.random().toString(36).slice(2)}.pcap`)
    const child = host.start([
      "tcpdump",
      "-ni",
      device,
      "-Q",
      direction,
      "-U",
      "--immediate-mode",
      "-w",
      path,
      filter,
    ])
    let said = ""
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
    await eventually("tcpdump", () => said.includes("listening on"))
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
    return new Tap(path, async () => {
      child.kill("SIGINT")
      await ended
    })
  }

  /** What was written down so far. */
  soFar(): Captured[] {
    return parseSavefile(readFileSync(this.#path), this.#path).frames.map(({ bytes }) => ({
      frame: Uint8Array.from(bytes),
      message: Uint8Array.from(bytes.subarray(-128)),
    }))
  }

  async stop(): Promise<Captured[]> {
    await new Promise((resolve) => setTimeout(resolve, 200)) // what is on its way
    await this.#stop()
    return this.soFar()
  }
}
