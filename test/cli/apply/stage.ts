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
   * A program that does `write` all the time, `$n` being how often, and prints that: every 0.2 s, or every six times as long
   * as a look at the rules has just taken. On a machine that is busy with other things none would fit in between else.
   */
  startWriter(write: string): ChildProcess {
    const look = "(nft -a list ruleset; iptables-save; ip6tables-save) >/dev/null 2>&1"
    const pause = `awk "BEGIN { s = 6 * ($after - $before) / 1e9; print s < 0.2 ? 0.2 : s }"`
    return this.server.start([
      "sh",
      "-c",
      `n=0; while [ $n -lt 2000 ]; do n=$((n+1)); ${write}; echo $n
       before=$(date +%s%N); ${look}; after=$(date +%s%N); sleep "$(${pause})"; done`,
    ])
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
