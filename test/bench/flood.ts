import type { ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { echoRequestFrame, linkAddress } from "../support/lab/frames.ts"
import type { Junk } from "./contenders/contender.ts"
import { benchFolder } from "./paths.ts"
import { asClient, type Stage, serverAddress } from "./stage.ts"
import { udpFrame } from "./udp-frame.ts"

/** Different packets, sent round and round. */
const distinct = 8192

/** Junk on its way from the client to the server; forged knocks come from as many addresses as there are packets. */
export class Flood {
  readonly #stage: Stage
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #before = 0
  #since = 0

  constructor(stage: Stage, junk: () => Junk, fromEverywhere: boolean, rate: number) {
    this.#stage = stage
    const program = join(benchFolder, "../support/lab/send-frames.py")
    // Before others, or a busy machine would not reach the rate that is wanted; and on one processor, as from a host.
    this.#child = stage.client.start(
      asClient(["nice", "-n", "-10", "/usr/bin/python3", program, "eth0", String(rate), "1000000000"]),
      { stdin: "pipe" },
    )
    this.#ended = new Promise<unknown>((resolve) => this.#child.once("close", resolve))
    this.#child.stdin?.on("error", () => {}) // ended before it began
    this.#child.stdin?.end(framesOf(stage, junk, fromEverywhere).join("\n"))
  }

  /** From here on it is counted. */
  count(): void {
    this.#before = received(this.#stage)
    this.#since = performance.now()
  }

  /** Packets a second that the server's device has counted, knocks and probes included. */
  counted(): number {
    const seconds = (performance.now() - this.#since) / 1000
    return (received(this.#stage) - this.#before) / seconds
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#ended
  }
}

/** An ordinary ping: 56 bytes that nobody waits for. */
export const unrelatedPing = (): Junk => ({ data: randomBytes(56) })

function framesOf({ client, server }: Stage, junk: () => Junk, fromEverywhere: boolean): string[] {
  const sourceLink = linkAddress(client, "eth0")
  const destinationLink = linkAddress(server, "eth0")
  return Array.from({ length: distinct }, (_, at) => {
    const { data, udpPort } = junk()
    const source = fromEverywhere ? `10.0.${at >> 8}.${at & 255}` : "192.0.2.2"
    const way = { data, source, destination: serverAddress, sourceLink, destinationLink }
    const frame =
      udpPort === undefined
        ? echoRequestFrame({ ...way, identifier: at & 0xffff })
        : udpFrame({ ...way, port: udpPort })
    return frame.toString("hex")
  })
}

function received({ server }: Stage): number {
  return Number(/eth0:\s*\d+\s+(\d+)/.exec(server.run(["cat", "/proc/net/dev"]))?.[1])
}
