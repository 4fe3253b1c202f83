import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Host, Lab } from "../support/lab/lab.ts"
import { ArmedServer, eventually, fwApply } from "../support/lab/programs.ts"
import { type Weight, weigh, weightAlone, withDescendants } from "../support/processes.ts"
import type { Sample } from "./growth.ts"

/** The addresses of the server that are there all the time. */
export const addresses = ["192.0.2.1", "2001:db8::1", "198.51.100.1"] as const
/** Of the second server, where short sessions come and go. */
export const secondAddress = "203.0.113.1"

/** A server with a long session on two links, one with short sessions, and a client. Counts knocks and complaints. */
export class Stage {
  readonly lab = new Lab()
  readonly server: Host = this.lab.host("server")
  readonly second: Host = this.lab.host("second")
  readonly client: Host = this.lab.host("client")
  readonly armed = new ArmedServer(this.lab, this.server)
  readonly short = new ArmedServer(this.lab, this.second)
  readonly complaints: string[] = []
  sent = 0
  answered = 0
  slowestMs = 0
  /** What is being done, for complaints. */
  step = ""

  async begin(): Promise<void> {
    const { lab, server, second, client } = this
    for (const host of [server, client]) host.sh("echo 1 >/proc/sys/net/ipv6/conf/all/keep_addr_on_down")
    const own = ["192.0.2.1/24", "2001:db8::1/64"]
    lab.join(server, "eth0", own, client, "eth0", ["192.0.2.2/24", "2001:db8::2/64"])
    this.joinSecondLink()
    lab.join(second, "eth0", [`${secondAddress}/24`], client, "eth2", ["203.0.113.2/24"])
    await Promise.all([server.serveTcp(22), second.serveTcp(22)])
  }

  joinSecondLink(): void {
    this.lab.join(this.server, "eth1", ["198.51.100.1/24"], this.client, "eth1", ["198.51.100.2/24"])
  }

  complain(what: string): void {
    this.complaints.push(`${this.step}: ${what}`)
    process.stdout.write(`soak: COMPLAINT ${new Date().toISOString()} ${this.step}: ${what}\n`)
  }

  probe(address: string, armed: ArmedServer = this.armed, ...road: string[]): void {
    this.knock("probe", address, armed, "--no-check", ...road)
  }

  /** Opens, and waits until that has settled: rules that come before that are taken for those that were knocked away. */
  async reset(address: string, armed: ArmedServer = this.armed, ...road: string[]): Promise<void> {
    const before = armed.status().opens as number
    this.knock("reset", address, armed, ...road)
    await eventually("its settling", () => (armed.status().opens as number) > before, 30_000)
  }

  /** A knock from the client; anything but a good answer is a complaint. */
  knock(
    verb: "probe" | "reset" | "confirm",
    address: string,
    armed: ArmedServer,
    ...options: string[]
  ): void {
    this.sent += 1
    const { code, outcome, stderr } = armed.knock(this.client, verb, address, ...options)
    if (code !== 4) this.answered += 1
    if (typeof outcome.roundTripMs === "number")
      this.slowestMs = Math.max(this.slowestMs, outcome.roundTripMs)
    if (code !== 0)
      this.complain(`${verb} ${address}: exit ${code}: ${JSON.stringify(outcome)} ${stderr.trim()}`)
  }

  /** Complains unless TCP gets through to `address`, or does not, as is wanted. */
  async expectOpen(address: string, open: boolean, after: string): Promise<void> {
    if ((await this.client.reaches(address, 22, open ? 2500 : 300)) !== open)
      this.complain(`${address} is ${open ? "shut" : "open"} after ${after}`)
  }

  /** Has fw-apply make this change in the long session, and leave it to its guard. */
  change(lines: string, confirmWithin: string): void {
    const file = join(this.lab.folder, "rules.sh")
    writeFileSync(file, lines)
    const options = ["--detach", "--confirm-within", confirmWithin, "--from", "192.0.2.2", "--to", "tcp/22"]
    const { code, stderr } = this.server.try([...fwApply, file, ...options], { env: this.armed.environment })
    if (code !== 0) this.complain(`fw-apply: exit ${code}: ${stderr.trim()}`)
  }

  /** The guard of the long session and everything that it started. */
  processes(): number[] {
    return withDescendants([this.armed.status().guardPid as number])
  }

  sample(): Sample {
    const guard = this.armed.status().guardPid as number
    const lasting = [guard, ...this.loaders()]
    const weights = (pids: readonly number[]): Weight[] => pids.flatMap((pid) => weigh(pid) ?? [])
    return {
      pssKb: weights(withDescendants([guard])).reduce((sum, { pssKb }) => sum + pssKb, 0),
      lastingKb: weightAlone(lasting),
      descriptors: weights(lasting).reduce((sum, { descriptors }) => sum + descriptors, 0),
    }
  }

  /** The loaders that wait in the long session. */
  loaders(): number[] {
    return this.processes().filter((pid) => /^nft$|-restore$/.test(commandName(pid)))
  }
}

/** What a process was called as, without its folder; empty when it has gone. */
function commandName(pid: number): string {
  try {
    const [program = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
    return program.slice(program.lastIndexOf("/") + 1)
  } catch {
    return ""
  }
}

/** Ends a process the hard way; one that has gone already is left alone. */
export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself in between.
  }
}
