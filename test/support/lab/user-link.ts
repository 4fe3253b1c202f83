import type { ChildProcess } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Host, labUnavailable } from "./lab.ts"

const program = fileURLToPath(new URL("./user-link.py", import.meta.url))

/** What the link does to packets; see user-link.py. Times in seconds. */
export interface LinkTrouble {
  /** Only to packets that this side sends; to both without it. */
  readonly only?: "a" | "b"
  readonly delay?: number
  readonly jitter?: number
  /** The part of packets that is lost. */
  readonly loss?: number
  /** How often each packet is delivered. */
  readonly copies?: number
  /** Keep packets until this is false again. */
  readonly hold?: boolean
}

/** One end: a device of this name in this host, with these addresses (CIDRs). */
export interface LinkEnd {
  readonly host: Host
  readonly device: string
  readonly addresses: readonly string[]
}

/** A link between two hosts that does what it is told to packets. */
export class UserLink {
  readonly #child: ChildProcess
  readonly #waiting: ((line: string | undefined) => void)[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    let rest = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) this.#waiting.shift()?.(line)
    })
    child.once("close", () => {
      for (const tell of this.#waiting.splice(0)) tell(undefined)
    })
  }

  /** @param kind `tap` is an Ethernet link, `tun` one of bare IP packets. The program runs until the lab closes. */
  static async join(kind: "tun" | "tap", a: LinkEnd, b: LinkEnd): Promise<UserLink> {
    if (labUnavailable) throw new Error(labUnavailable)
    const names = [a, b].flatMap(({ host, device }) => [host.netns, device])
    const child = a.host.start(["/usr/bin/python3", program, kind, ...names], { stdin: "pipe" })
    const link = new UserLink(child)
    await link.#line()
    for (const { host, device, addresses } of [a, b]) {
      for (const address of addresses) {
        const nodad = address.includes(":") ? ["nodad"] : []
        host.run(["ip", "address", "add", address, "dev", device, ...nodad])
      }
      host.run(["ip", "link", "set", device, "up"])
    }
    return link
  }

  /** Changes what is done to packets from now on. @returns how many packets are held */
  async trouble(trouble: LinkTrouble): Promise<number> {
    this.#child.stdin?.write(`${JSON.stringify(trouble)}\n`)
    return Number(await this.#line())
  }

  async #line(): Promise<string> {
    const line = await new Promise<string | undefined>((resolve) => this.#waiting.push(resolve))
    if (line === undefined) throw new Error("the link ended")
    return line
  }
}
