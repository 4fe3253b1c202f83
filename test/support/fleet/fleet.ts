import type { ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { formatSecretLine } from "../../../src/secrets/secret-file.ts"
import type { Host, Lab } from "../lab/lab.ts"

// From the root of the checkout: the measurements run compiled, in a folder without it.
const program = join(process.cwd(), "test/support/fleet/fleet.py")

export interface FleetOptions {
  readonly hosts: number
  /** The share of packets that is lost, each way. */
  readonly loss?: number
  /** Every how many-th host answers nothing. */
  readonly deadEvery?: number
}

/** Many hosts behind one, from 10.128.0.1 on, each with a secret of its own: fleet.py answers for them. */
export class Fleet {
  readonly addresses: readonly string[]
  /** A file of mode 0600 with a line for each. */
  readonly secretFile: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  #heard: Promise<number> | undefined

  private constructor(child: ChildProcess, addresses: readonly string[], secretFile: string) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
    this.addresses = addresses
    this.secretFile = secretFile
  }

  /** Gives `server` the addresses and `client` the way there, and resolves when they answer. */
  static async start(lab: Lab, server: Host, client: Host, options: FleetOptions): Promise<Fleet> {
    server.sh("ip route replace local 10.128.0.0/14 dev lo; echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all")
    server.sh("echo 8192 >/proc/sys/net/core/somaxconn")
    client.sh("ip route replace 10.128.0.0/14 via 192.0.2.1")
    const hosts = Array.from({ length: options.hosts }, (_, number) => ({
      host: addressOf(number + 1),
      name: undefined,
      secret: new Uint8Array(randomBytes(16)),
    }))
    const secretFile = join(lab.folder, `fleet-${options.hosts}`)
    writeFileSync(secretFile, hosts.map((entry) => `${formatSecretLine(entry)}\n`).join(""), { mode: 0o600 })
    const args = [String(options.loss ?? 0), String(options.deadEvery ?? 0)]
    const child = server.start(["/usr/bin/python3", program, ...args], { stdin: "pipe" })
    child.stdin?.end(hosts.map(({ secret }) => `${Buffer.from(secret).toString("hex")}\n`).join(""))
    const addresses = hosts.map(({ host }) => host)
    const fleet = new Fleet(child, addresses, secretFile)
    if ((await fleet.#lines.next()).value !== "ready") throw new Error("the fleet did not start")
    return fleet
  }

  /** Ends it. @returns the knocks that it had heard */
  end(): Promise<number> {
    this.#heard ??= this.#end()
    return this.#heard
  }

  async #end(): Promise<number> {
    this.#child.kill("SIGTERM")
    const { value } = await this.#lines.next()
    return Number(/^heard (\d+)$/.exec(value ?? "")?.[1])
  }
}

const addressOf = (number: number): string =>
  `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
