import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { formatSecretLine } from "../../../src/secrets/secret-file.ts"
import { type Host, type Lab, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, type Printed } from "../../support/lab/programs.ts"
import { secretFile } from "../../support/workstation.ts"

/** What came of many knocks that were sent by one process. Times in milliseconds, of each knock from its own begin. */
export interface Sent {
  readonly asked: number
  readonly answered: number
  /** From the begin of the first to the last final answer. */
  readonly tookMs: number
  readonly sent: number
  readonly mostSent: number
  readonly followUps: number
  /** In the order of the final answers. */
  readonly ends: readonly {
    readonly index: number
    readonly verdict: string
    readonly verified: boolean
    readonly firstMs: number
    readonly ms: number
  }[]
}

const sender = fileURLToPath(new URL("../../support/python-client/many.py", import.meta.url))

/** Two hosts; the server has many addresses, and as many secrets as are wanted. */
export class TeamStage {
  readonly #hosts = twoHosts()
  readonly armed = new ArmedServer(this.#hosts.lab, this.#hosts.server)
  readonly addresses: readonly string[]
  /** A file with a secret for each of the team. */
  readonly teamFile: string

  constructor(addresses: number, team: number) {
    this.addresses = Array.from({ length: addresses }, (_, at) => `10.9.${at >> 8}.${at & 255}`)
    this.teamFile = secretFile(this.lab, "192.0.2.1").path
    const lines = secretFile(this.lab, ...Array(team).fill("192.0.2.1")).secrets.map((secret, at) =>
      formatSecretLine({ host: "192.0.2.1", name: `person${at}`, secret }),
    )
    writeFileSync(this.teamFile, `${lines.join("\n")}\n`, { mode: 0o600 })
  }

  get lab(): Lab {
    return this.#hosts.lab
  }

  get client(): Host {
    return this.#hosts.client
  }

  get server(): Host {
    return this.#hosts.server
  }

  /** Gives the server its many addresses, and the client the way there. */
  addAddresses(): void {
    const file = join(this.lab.folder, "addresses")
    writeFileSync(file, this.addresses.map((address) => `address add ${address}/32 dev eth0\n`).join(""))
    this.server.run(["ip", "-batch", file])
    this.client.sh("ip route add 10.9.0.0/16 via 192.0.2.1")
  }

  /** One knock for every secret of the file with every address, begun `paceMs` apart. */
  async knock(
    verb: "probe" | "reset",
    file: string,
    addresses: readonly string[],
    paceMs: number,
  ): Promise<Sent> {
    const [program, ...args] = [
      ...this.client.enter(),
      ...["/usr/bin/python3", sender, verb, file, String(paceMs), "15", ...addresses],
    ]
    const child = spawn(program as string, args, { stdio: ["ignore", "pipe", "inherit"] })
    let printed = ""
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
    })
    await new Promise((resolve) => child.once("close", resolve))
    return JSON.parse(printed) as Sent
  }

  /** What was refused so far; the listener tells of it each 3 s. */
  async rejected(): Promise<Printed> {
    await new Promise((resolve) => setTimeout(resolve, 3200))
    const { heard, missed, accepted, listenerStarts, rejected } = this.armed.status()
    return { heard, missed, accepted, listenerStarts, ...(rejected as Printed) }
  }
}

/** One line of figures for the report. */
export function figures(what: string, { ends, ...sent }: Sent, rejected: Printed): string {
  const times = ends.map(({ ms }) => ms).sort((a, b) => a - b)
  const median = times[times.length >> 1]
  return `team: ${what}: ${JSON.stringify(sent)}, median ${median} ms, max ${times.at(-1)} ms; ${JSON.stringify(rejected)}\n`
}
