import { readFileSync } from "node:fs"
import { expect } from "vitest"
import { type Host, type Lab, twoHosts } from "../../support/lab/lab.ts"
import { lockouts, serverAddress } from "../../support/lab/lockouts.ts"
import { ArmedServer, eventually, fwWatchdog } from "../../support/lab/programs.ts"
import { withDescendants } from "../../support/processes.ts"
import { ControlGroup } from "./cgroup.ts"

/** What came of knocks under one fault. */
export interface Knocked {
  readonly knocks: number
  readonly opened: number
  /** From the first packet to the answer that the open has been committed, one a knock, in milliseconds. */
  readonly latenciesMs: readonly number[]
}

/** Two hosts, the server armed in a memory control group of its own, and knocks that are measured. */
export class FaultStage {
  readonly #hosts = twoHosts()
  readonly memory: ControlGroup
  readonly armed: ArmedServer

  constructor() {
    this.memory = new ControlGroup("memory", this.lab.id)
    // What is armed in a group is charged to it; only the arming joins, the questions afterwards do not.
    const join = `case " $* " in *" --detach "*) echo $$ >${this.memory.path}/cgroup.procs;; esac; exec "$@"`
    this.armed = new ArmedServer(this.lab, this.server, ["sh", "-c", join, "-", ...fwWatchdog])
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

  /** The guard and everything that it started. */
  processes(): number[] {
    return withDescendants([this.armed.status().guardPid as number])
  }

  /** The loaders that wait. */
  loaders(): number[] {
    return this.processes().filter((pid) => /(^|\/)(nft|[a-z0-9-]+-restore)$/.test(commandName(pid)))
  }

  /**
   * Locks, does what is to be done before each knock, knocks, and expects TCP to be back; again and again, one lockout
   * after the other.
   */
  async knock(times: number, before: () => unknown = () => {}): Promise<Knocked> {
    const latenciesMs: number[] = []
    let opened = 0
    for (let at = 0; at < times; at += 1) {
      const lockout = lockouts[at % lockouts.length] as (typeof lockouts)[number]
      const address = serverAddress(lockout.families[at % lockout.families.length] as 4 | 6)
      const { opens } = this.armed.status()
      lockout.apply(this.server)
      expect([lockout.name, await this.client.reaches(address, 22, 300)]).toEqual([lockout.name, false])
      await before()
      const { code, outcome } = this.armed.knock(this.client, "reset", address, "--wait", "20s")
      const reached = await this.client.reaches(address, 22, 2500)
      if (outcome.event === "opened" && code === 0 && reached) opened += 1
      else process.stderr.write(`${lockout.name}: exit ${code}, ${JSON.stringify(outcome)}\n`)
      latenciesMs.push(outcome.roundTripMs as number)
      await eventually(
        "its settling",
        () => (this.armed.status().opens as number) > (opens as number),
        20_000,
      )
    }
    return { knocks: times, opened, latenciesMs }
  }

  async close(): Promise<void> {
    await this.lab.close()
    for (const pid of this.memory.pids()) process.kill(pid, "SIGKILL")
    await eventually("the end of the control group", () => this.memory.tryRemove())
  }
}

function commandName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] ?? ""
  } catch {
    return "" // it has gone
  }
}

/** One row of the table in native-notes/faults.md. */
export function figures(fault: string, { knocks, opened, latenciesMs }: Knocked): string {
  const sorted = [...latenciesMs].sort((a, b) => a - b)
  const median = ((sorted[(knocks - 1) >> 1] ?? 0) + (sorted[knocks >> 1] ?? 0)) / 2
  return `fault: ${fault}: ${opened} of ${knocks}, median ${median.toFixed(1)} ms, max ${sorted.at(-1)} ms\n`
}
