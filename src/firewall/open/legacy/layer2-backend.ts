import { findProgram } from "../../../system/process/find-program.ts"
import type { RunCommand } from "../../../system/process/run-command.ts"
import { failureOf } from "../../../system/process/run-command.ts"
import type { StartLoader } from "../../../system/process/standby-process.ts"
import { parseArptablesListing, parseEbtablesListing } from "../../snapshot/text/legacy-listing.ts"
import { builtinChains } from "../../snapshot/text/save-text.ts"
import type { Dropping, FirewallBackend, Scope, StepResult } from "../backend.ts"
import { type Ended, PrestartedCommands } from "./prestarted-commands.ts"
import { judgeLegacy, type LegacyTable } from "./rules.ts"

/** As many as an open and a second one need: each lists three times and changes a chain or two. */
const waitingCommands = 12

/**
 * arptables-legacy and ebtables-legacy. Neither has a restore that works everywhere (arptables' is a script that asks
 * the other backend), so their commands are run one by one, by processes that wait where no other can be started. What
 * they drop shuts nobody out before a neighbour is forgotten: their part of an open is the settling.
 */
export class Layer2Backend implements FirewallBackend {
  readonly backend: FirewallBackend["backend"]
  readonly #family: "arp" | "bridge"
  readonly #run: RunCommand
  readonly #path: string
  readonly #held: () => readonly string[]
  readonly #waiting: PrestartedCommands | undefined

  /** @param held the names of the tables that the kernel holds now */
  constructor(
    backend: FirewallBackend["backend"],
    family: "arp" | "bridge",
    tools: { readonly run: RunCommand; readonly start: StartLoader; readonly path: string },
    held: () => readonly string[],
  ) {
    this.backend = backend
    this.#family = family
    this.#run = tools.run
    this.#path = tools.path
    this.#held = held
    const shell = findProgram("sh")
    if (shell !== undefined)
      this.#waiting = new PrestartedCommands(tools.path, shell, waitingCommands, tools.start)
  }

  /** Process ids of the commands that wait. */
  get pids(): readonly number[] {
    return this.#waiting?.pids ?? []
  }

  /**
   * Sees to it that commands wait. For ARP also where the kernel holds no table yet: a lockout makes it. A bridge's tables
   * take a module of their own, which few kernels have loaded or have at all.
   */
  refresh(): void {
    if (this.#family === "arp" || this.#tables().length > 0) this.#waiting?.fill()
  }

  close(): void {
    this.#waiting?.close()
  }

  async open(): Promise<StepResult> {
    return { changed: false, failures: [] }
  }

  async wouldSettle(scope: Scope): Promise<boolean> {
    if (scope === "filter") return false
    for (const table of this.#tables()) {
      const held = await this.#list(table)
      if (held === undefined || this.#chains(table).some((chain) => changes(held, chain).length > 0))
        return true
    }
    return false
  }

  async settle(scope: Scope): Promise<StepResult> {
    if (scope === "filter") return { changed: false, failures: [] }
    const failures: string[] = []
    let changed = false
    for (const table of this.#tables()) {
      const held = await this.#list(table)
      if (held === undefined) {
        failures.push(`${this.backend}: ${table}: cannot be listed`)
        continue
      }
      for (const chain of this.#chains(table)) {
        for (const args of changes(held, chain)) {
          const result = await this.#command(["-t", table, ...args])
          if (result.ok) changed = true
          else failures.push(`${this.backend}: ${table} ${chain}: ${result.error}`)
        }
      }
    }
    return { changed, failures }
  }

  async dropping(scope: Scope): Promise<readonly Dropping[] | undefined> {
    if (scope === "filter") return []
    const found: Dropping[] = []
    for (const table of this.#tables()) {
      const held = await this.#list(table)
      if (held === undefined) return undefined
      for (const chain of this.#chains(table)) {
        const { dropping, meetsPolicy } = judgeLegacy(held, chain)
        if (meetsPolicy && (held.policies.get(chain) ?? "ACCEPT") !== "ACCEPT")
          found.push({
            backend: this.backend,
            where: `${table} ${chain} (policy ${held.policies.get(chain)})`,
          })
        for (const rule of dropping)
          found.push({ backend: this.backend, where: `${table} ${chain} (rule ${rule})` })
      }
    }
    return found
  }

  /** The bridge nat table rewrites link addresses; it is left alone as nat is everywhere. */
  #tables(): string[] {
    return this.#held().filter((table) => table !== "nat")
  }

  #chains(table: string): readonly string[] {
    return builtinChains[this.#family][table] ?? []
  }

  async #command(args: readonly string[]): Promise<Ended> {
    const result = await this.#run({ path: this.#path, args })
    // 127 is "not found" of a program in front of it.
    const started = result.startError === undefined && result.exitCode !== 127
    const waited = started ? undefined : await this.#waiting?.run(args)
    return waited ?? { ok: result.ok, stdout: result.stdout, error: result.ok ? "" : failureOf(result) }
  }

  async #list(table: string): Promise<LegacyTable | undefined> {
    const arp = this.#family === "arp"
    const args = ["-t", table, "-L", ...(arp ? ["-n", "-v"] : ["--Lc"])]
    const result = await this.#command(args)
    if (!result.ok) return undefined
    const listed = (arp ? parseArptablesListing : parseEbtablesListing)(table, result.stdout)
    const policies = new Map<string, string>()
    for (const line of listed.chains) {
      const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? []
      if (chain !== undefined && policy !== undefined && policy !== "-") policies.set(chain, policy)
    }
    return { policies, rules: listed.rules.map((rule) => rule.replace(/^\[\d+:\d+\] /, "")) }
  }
}

/** The commands that open one chain; none for a chain that this kernel does not have (arptables FORWARD). */
function changes(held: LegacyTable, chain: string): string[][] {
  const policy = held.policies.get(chain)
  if (policy === undefined) return []
  const flush = held.rules.some((rule) => rule.startsWith(`-A ${chain} `))
  return [...(policy === "ACCEPT" ? [] : [["-P", chain, "ACCEPT"]]), ...(flush ? [["-F", chain]] : [])]
}
