import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * Hosts in network namespaces, joined by veth pairs. Everything a lab makes carries its own name, and `close()` takes
 * all of it away again: processes by their id, namespaces by their name, files by their folder.
 */

/** Why lab tests cannot run here, or undefined when they can. Print it when skipping. */
export const labUnavailable: string | undefined = (() => {
  if (process.getuid?.() !== 0) return "needs root to make network namespaces"
  const probe = spawnSync("unshare", ["-n", "true"])
  return probe.status === 0 ? undefined : "this kernel or container refuses new network namespaces"
})()

export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let labs = 0

/** One network namespace. Commands run in it by `nsenter`, which keeps /sys (cgroups) as it is. */
export class Host {
  readonly name: string
  readonly netns: string
  readonly #lab: Lab

  constructor(lab: Lab, name: string, netns: string) {
    this.#lab = lab
    this.name = name
    this.netns = netns
  }

  /** The arguments in front of a command that put it into this host. */
  enter(): [string, ...string[]] {
    return ["nsenter", `--net=/run/netns/${this.netns}`, "--"]
  }

  /** Runs a command here to its end; never throws for its exit code. `input` goes to its standard input. */
  try(command: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): RunResult {
    const [program, ...args] = [...this.enter(), ...command]
    const result = spawnSync(program as string, args, {
      input: options.input ?? "",
      env: options.env ?? process.env,
      encoding: "utf8",
      timeout: 60_000,
      maxBuffer: 256 * 1024 * 1024,
    })
    return { code: result.status ?? -1, stdout: result.stdout ?? "", stderr: result.stderr ?? "" }
  }

  /** Runs a command here and returns its standard output; throws with its standard error when it fails. */
  run(command: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): string {
    const result = this.try(command, options)
    if (result.code !== 0)
      throw new Error(
        `${this.name}: ${command.join(" ")}: exit ${result.code}: ${result.stderr || result.stdout}`,
      )
    return result.stdout
  }

  /** The processes that run in this host now. */
  pids(): number[] {
    const { stdout } = spawnSync("ip", ["netns", "pids", this.netns], { encoding: "utf8" })
    return (stdout ?? "").split("\n").filter(Boolean).map(Number)
  }

  /** A shell script here, `set -e`. */
  sh(script: string): string {
    return this.run(["sh", "-ec", script])
  }

  /** Starts a command here and leaves it running until the lab closes. */
  start(
    command: readonly string[],
    options: { env?: NodeJS.ProcessEnv; stdin?: "pipe" | "ignore" } = {},
  ): ChildProcess {
    const [program, ...args] = [...this.enter(), ...command]
    const child = spawn(program as string, args, {
      env: options.env ?? process.env,
      stdio: [options.stdin ?? "ignore", "pipe", "pipe"],
    })
    this.#lab.own(child)
    return child
  }

  /**
   * Serves TCP on every address of this host: each connection is greeted with one line and closed. Resolves when it
   * listens.
   */
  async serveTcp(port: number): Promise<ChildProcess> {
    const program = `require("net").createServer(s=>{s.on("error",()=>{});s.end("hello\\n")}).listen(${port},"::",()=>console.log("up"))`
    const child = this.start([process.execPath, "-e", program])
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve())
      child.once("exit", (code) => reject(new Error(`the TCP service ended with ${code}`)))
    })
    return child
  }

  /** Does a TCP connection from here to `address` `port` come up within `timeoutMs`? A real connect, SYN and all. */
  async reaches(address: string, port: number, timeoutMs = 700): Promise<boolean> {
    const program = `const s=require("net").connect(${port},${JSON.stringify(address)});s.on("data",()=>process.exit(0));s.on("error",()=>process.exit(1));setTimeout(()=>process.exit(1),${timeoutMs})`
    const [command, ...args] = [...this.enter(), process.execPath, "-e", program]
    return await new Promise((resolve) => {
      const child = spawn(command as string, args, { stdio: "ignore" })
      child.once("exit", (code) => resolve(code === 0))
    })
  }

  /** Does one ping from here to `address` come back within half a second? */
  async pings(address: string): Promise<boolean> {
    const [command, ...args] = [...this.enter(), "ping", "-n", "-c", "1", "-W", "0.5", address]
    return await new Promise((resolve) => {
      const child = spawn(command as string, args, { stdio: "ignore" })
      child.once("exit", (code) => resolve(code === 0))
    })
  }
}

export class Lab {
  readonly id: string
  /** A folder of this lab's own, removed by `close()`. */
  readonly folder: string
  readonly #hosts: Host[] = []
  readonly #children: ChildProcess[] = []
  readonly #onClose: (() => void | Promise<void>)[] = []

  constructor() {
    labs += 1
    this.id = `fw${process.pid.toString(36)}x${labs}`
    this.folder = mkdtempSync(join(tmpdir(), "fw-lab-"))
    process.once("exit", this.#sweep)
  }

  /** A new host with `lo` up and duplicate address detection off (or IPv6 takes two seconds to be usable). */
  host(name: string): Host {
    const netns = `${this.id}-${name}`
    if (labUnavailable) return new Host(this, name, netns) // the suite is collected, but skipped
    execFileSync("ip", ["netns", "add", netns])
    const host = new Host(this, name, netns)
    this.#hosts.push(host)
    host.sh(
      "ip link set lo up; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad",
    )
    return host
  }

  /** Joins two hosts by a veth pair; the addresses are CIDRs, IPv4 or IPv6, and both ends are brought up. */
  join(
    a: Host,
    aDevice: string,
    aAddresses: readonly string[],
    b: Host,
    bDevice: string,
    bAddresses: readonly string[],
  ): void {
    if (labUnavailable) return
    execFileSync("ip", [
      "-n",
      a.netns,
      "link",
      "add",
      aDevice,
      "type",
      "veth",
      "peer",
      "name",
      bDevice,
      "netns",
      b.netns,
    ])
    for (const [host, device, addresses] of [
      [a, aDevice, aAddresses],
      [b, bDevice, bAddresses],
    ] as const) {
      for (const address of addresses) {
        const nodad = address.includes(":") ? ["nodad"] : []
        execFileSync("ip", ["-n", host.netns, "address", "add", address, "dev", device, ...nodad])
      }
      execFileSync("ip", ["-n", host.netns, "link", "set", device, "up"])
    }
  }

  own(child: ChildProcess): void {
    this.#children.push(child)
  }

  onClose(task: () => void | Promise<void>): void {
    this.#onClose.push(task)
  }

  /** Ends what this lab started, by process id, and removes what it made. */
  async close(): Promise<void> {
    for (const task of this.#onClose.splice(0).reverse()) await task()
    this.#sweep()
    process.removeListener("exit", this.#sweep)
  }

  readonly #sweep = (): void => {
    for (const child of this.#children.splice(0)) child.kill("SIGKILL")
    for (const host of this.#hosts.splice(0)) {
      // What outlived its parent (a guard in its own session) still lives in a namespace that only this lab made.
      for (const pid of host.pids()) {
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // It ended by itself in between.
        }
      }
      spawnSync("ip", ["netns", "delete", host.netns])
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The usual two hosts: `server` 192.0.2.1 / 2001:db8::1 and `client` 192.0.2.2 / 2001:db8::2, on `eth0` each. */
export function twoHosts(): { lab: Lab; server: Host; client: Host } {
  const lab = new Lab()
  const server = lab.host("server")
  const client = lab.host("client")
  lab.join(server, "eth0", ["192.0.2.1/24", "2001:db8::1/64"], client, "eth0", [
    "192.0.2.2/24",
    "2001:db8::2/64",
  ])
  return { lab, server, client }
}
