import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { type Host, type Lab, type RunResult, twoHosts } from "../../../support/lab/lab.ts"
import { fwKnock, fwWatchdog, type Printed } from "../../../support/lab/programs.ts"
import { SshLab, type SshMachine, shellAccounts } from "../../../support/lab/ssh-server.ts"

/** How a command of fw-knock ended. */
export interface Ended extends RunResult {
  /** The last object that it printed. */
  readonly object: Printed
}

/** A workstation, and a server with sshd on port 2222: web1 logs in as root, ada, bob and carl as they are called. */
export class SshStage {
  readonly lab: Lab
  readonly server: Host
  readonly client: Host
  readonly ssh: SshLab
  machine!: SshMachine
  /** The home of the latest command's user. */
  home = ""
  #homes = 0
  readonly #config: readonly string[]

  /** @param config more lines of the server's sshd_config(5) */
  constructor(config: readonly string[] = []) {
    this.#config = config
    const { lab, server, client } = twoHosts()
    this.lab = lab
    this.server = server
    this.client = client
    this.ssh = new SshLab(lab)
  }

  async start(): Promise<void> {
    this.machine = await this.ssh.machine(this.server, {
      address: "192.0.2.1",
      port: 2222,
      config: this.#config,
    })
    this.ssh.alias("web1", "HostName 192.0.2.1", "Port 2222", "User root")
    this.ssh.alias("web6", "HostName 2001:db8::1", "Port 2222", "User root")
    for (const user of ["ada", "bob", "carl", ...Object.keys(shellAccounts).map((shell) => `${shell}-user`)])
      this.ssh.alias(user, "HostName 192.0.2.1", "Port 2222", `User ${user}`)
  }

  /** A user of the workstation who has nothing yet. */
  newHome(): void {
    this.#homes += 1
    this.home = join(this.lab.folder, `home-${this.#homes}`)
    mkdirSync(this.home)
  }

  environment(): NodeJS.ProcessEnv {
    if (this.home === "") this.newHome()
    return { PATH: process.env.PATH, HOME: this.home, TERM: "xterm", NO_COLOR: "1", USER: "root" }
  }

  /** The words of `fw-knock COMMAND ...` with this lab's ssh. */
  words(command: string, ...args: readonly string[]): string[] {
    return [...fwKnock, command, "--ssh", this.ssh.ssh, ...args]
  }

  /** Runs it on the workstation to its end. */
  run(command: string, ...args: readonly string[]): Ended {
    return this.ended(this.client.try(this.words(command, ...args), { env: this.environment() }))
  }

  ended(result: RunResult): Ended {
    const last = result.stdout.split("\n").findLast((line) => line.startsWith("{"))
    return { ...result, object: last === undefined ? {} : (JSON.parse(last) as Printed) }
  }

  /** `fw-watchdog ...` on the server's own console. */
  onServer(...args: string[]): Ended {
    return this.ended(this.server.try([...fwWatchdog, ...args], { env: this.machine.environment }))
  }

  /** Ends whatever session and rules a test has left. */
  clear(): void {
    this.onServer("disarm")
    this.onServer("undo")
    this.server.sh("nft flush ruleset")
    this.newHome()
  }

  /** Everything that the server's sessions have written down. */
  events(): string {
    const { STATE_DIRECTORY, RUNTIME_DIRECTORY } = this.machine.environment
    return this.server.sh(`find ${STATE_DIRECTORY} ${RUNTIME_DIRECTORY} -name events.log -exec cat {} +`)
  }

  /** When they last wrote such an event down, on the wall clock. */
  lastEventMs(event: string): number {
    const lines = this.events().split("\n")
    const last = lines.findLast((line) => line.includes(`"event":"${event}"`)) ?? "{}"
    return Date.parse(String((JSON.parse(last) as Printed).time))
  }

  /** The rules that are in force, without counters. */
  rules(): string {
    return this.server.sh("nft -s list ruleset")
  }
}
