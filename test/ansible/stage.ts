import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Host, Lab } from "../support/lab/lab.ts"
import { eventually, fwWatchdog, type Printed } from "../support/lab/programs.ts"
import { SshLab, type SshMachine, sshUnavailable } from "../support/lab/ssh-server.ts"

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Where ansible looks for the collection. */
export const collections = here("../../scripts/ansible")

/** Why plays cannot run here; undefined when they can. */
export const ansibleUnavailable: string | undefined =
  sshUnavailable ?? (existsSync("/usr/bin/ansible-playbook") ? undefined : "ansible-core is not installed")

/** What one task has come to on one host. */
export interface TaskResult {
  readonly host: string
  readonly task: string
  readonly how: "ok" | "changed" | "failed" | "unreachable" | "skipped"
  /** As people would have seen it. */
  readonly diff: string
  readonly result: Printed
}

/** How a play ended. */
export interface Played {
  readonly code: number
  readonly results: readonly TaskResult[]
  /** Everything that was printed. */
  readonly text: string
  /** What a task has come to, on a host or on the first one. */
  of(task: string, host?: string): TaskResult
}

/** A controller, and three servers with sshd and our programs: a and b log in as root, c as bob, who has sudo. */
export class AnsibleStage {
  readonly lab = new Lab()
  readonly controller: Host
  readonly names = ["a", "b", "c"] as const
  readonly servers: Readonly<Record<string, Host>>
  readonly #ssh: SshLab
  readonly #machines: Record<string, SshMachine> = {}
  readonly #inventory: string

  constructor() {
    this.controller = this.lab.host("controller")
    this.servers = Object.fromEntries(this.names.map((name) => [name, this.lab.host(name)]))
    for (const [number, name] of this.names.entries())
      this.lab.join(
        this.server(name),
        "eth0",
        [`192.0.2.${number * 16 + 1}/28`],
        this.controller,
        `eth${number}`,
        [`192.0.2.${number * 16 + 2}/28`],
      )
    this.#ssh = new SshLab(this.lab)
    this.#inventory = join(this.lab.folder, "hosts")
  }

  server(name: string): Host {
    return this.servers[name] as Host
  }

  async start(): Promise<void> {
    for (const [number, name] of this.names.entries())
      this.#machines[name] = await this.#ssh.machine(this.server(name), {
        address: `192.0.2.${number * 16 + 1}`,
        config: ["Subsystem sftp internal-sftp"],
      })
    this.#ssh.alias("nobody")
    const lines = this.names.map((name, number) => {
      mkdirSync(join(this.lab.folder, `tmp-${name}`))
      chmodSync(join(this.lab.folder, `tmp-${name}`), 0o777)
      const user = name === "c" ? "bob ansible_become=true" : "root"
      return `${name} ansible_host=192.0.2.${number * 16 + 1} ansible_user=${user} ansible_remote_tmp=${this.lab.folder}/tmp-${name}`
    })
    writeFileSync(
      this.#inventory,
      `${lines.join("\n")}\n[all:vars]\nansible_python_interpreter=/usr/bin/python3\n`,
    )
    mkdirSync(join(this.lab.folder, "home"))
  }

  /** What a host's programs have to be told to find its session. */
  environment(name: string): NodeJS.ProcessEnv {
    return (this.#machines[name] as SshMachine).environment
  }

  /** Writes a file of the controller. @returns its path */
  file(name: string, text: string): string {
    const path = join(this.lab.folder, name)
    writeFileSync(path, text)
    return path
  }

  /** Runs a playbook to its end. */
  async play(playbook: string, ...args: readonly string[]): Promise<Played> {
    const child = this.controller.start(["ansible-playbook", "-i", this.#inventory, playbook, ...args], {
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: join(this.lab.folder, "home"),
        LANG: "C.UTF-8",
        ANSIBLE_COLLECTIONS_PATH: collections,
        ANSIBLE_CALLBACK_PLUGINS: here("."),
        ANSIBLE_STDOUT_CALLBACK: "lines",
        PYTHONDONTWRITEBYTECODE: "1",
        ANSIBLE_PIPELINING: "true",
        ANSIBLE_TIMEOUT: "2",
        ANSIBLE_SSH_CONTROL_PATH_DIR: join(this.lab.folder, "cp"),
        // A dead host is noticed sooner than by what the collection says, which stands behind.
        ANSIBLE_SSH_ARGS: `-F ${this.#ssh.config} -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=1 -o ServerAliveCountMax=3`,
      },
    })
    let text = ""
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk) => {
        text += String(chunk)
      })
    const code = await new Promise<number>((resolve) => child.once("close", (end) => resolve(end ?? -1)))
    const results = text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as TaskResult)
    const of = (task: string, host?: string): TaskResult => {
      const found = results.find((one) => one.task === task && (host === undefined || one.host === host))
      if (found === undefined) throw new Error(`no result of "${task}" on ${host ?? "any host"}: ${text}`)
      return found
    }
    return { code, results, text, of }
  }

  /** The rules of a host, without counters. */
  rules(name: string): string {
    return this.server(name).sh("iptables -S")
  }

  /** Waits until a host has no session any more. */
  async untilOver(name: string): Promise<void> {
    const status = [...fwWatchdog, "status"]
    const isOver = () => this.server(name).try(status, { env: this.environment(name) }).code === 1
    await eventually(`the end of the session of ${name}`, isOver, 20_000)
  }
}

/** A script that lets these TCP ports in, and connections that stand. */
export const rules = (...ports: readonly number[]): string => `#!/bin/sh
iptables -F
iptables -P INPUT DROP
iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
for port in ${ports.join(" ")}; do iptables -A INPUT -p tcp --dport $port -j ACCEPT; done
`

/** Nobody gets in by ssh any more; connections that stand go on. */
export const noNewOne = rules(80)
/** The rule of `rules` that stops who does not get in, as fw-apply names it. */
export const policy = "iptables-nft filter INPUT: policy DROP"
/** A playbook of this folder. */
export const playbook = (name: string): string => here(name)
