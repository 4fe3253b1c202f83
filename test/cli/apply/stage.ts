import type { ChildProcess } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Host, type Lab, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, fwApply, type Printed } from "../../support/lab/programs.ts"

/** `fw-apply` on the server of a lab, for an operator who comes from 192.0.2.2. */
export class ApplyStage {
  readonly lab: Lab
  readonly server: Host
  readonly client: Host
  /** `try` runs fw-watchdog here. */
  readonly armed: ArmedServer
  #files = 0

  constructor() {
    const { lab, server, client } = twoHosts()
    this.lab = lab
    this.server = server
    this.client = client
    this.armed = new ArmedServer(lab, server)
  }

  file(text: string): string {
    this.#files += 1
    const path = join(this.lab.folder, `rules-${this.#files}`)
    writeFileSync(path, text)
    return path
  }

  /**
   * Seconds between two writes of a program that writes all the time: 0.2, or what a few looks at the rules take here. On a
   * machine that is busy with other things a look takes longer than that, and none fits between two writes.
   */
  writerPause(): number {
    const begun = performance.now()
    this.server.sh("nft -a list ruleset; nft --debug=netlink list ruleset; iptables-save; ip6tables-save")
    const seconds = (performance.now() - begun) / 1000
    return seconds < 0.1 ? 0.2 : 10 * seconds
  }

  /** `fw-apply ARGS --from 192.0.2.2`, with this stage's secret where one is wanted. */
  command(...args: string[]): string[] {
    return [...fwApply, ...args, "--from", "192.0.2.2"]
  }

  /** To its end; the last JSON object is its outcome. */
  run(...args: string[]): { code: number; stderr: string; stdout: string; outcome: Printed } {
    const result = this.server.try(this.command(...args), { env: this.armed.environment })
    const last = result.stdout.split("\n").findLast((line) => line.startsWith("{")) ?? "{}"
    return { ...result, outcome: JSON.parse(last) as Printed }
  }

  /** Started with --json, and left running. */
  start(...args: string[]): Running {
    const secret = ["--secret-file", this.armed.secretFile, "--json"]
    return new Running(this.server.start(this.command(...args, ...secret), { env: this.armed.environment }))
  }
}

/** A `fw-apply` that runs, and what it has said so far. */
export class Running {
  readonly child: ChildProcess
  stderr = ""
  /** Undefined while it runs. */
  code: number | undefined
  #stdout = ""

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.on("data", (chunk) => {
      this.#stdout += String(chunk)
    })
    child.stderr?.on("data", (chunk) => {
      this.stderr += String(chunk)
    })
    child.once("close", (code) => {
      this.code = code ?? -1
    })
  }

  get objects(): Printed[] {
    const lines = this.#stdout.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"))
    return lines.map((line) => JSON.parse(line) as Printed)
  }

  has(event: string): boolean {
    return this.objects.some((one) => one.event === event)
  }
}

/** Does any process of this machine, whatever namespace it is in, have this among its arguments? */
export function someoneRuns(argument: string): boolean {
  return readdirSync("/proc").some((pid) => {
    try {
      return (
        /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(argument)
      )
    } catch {
      return false // it has ended
    }
  })
}
