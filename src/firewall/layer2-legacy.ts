import type { Dropping, FirewallBackend, StepResult } from "./dropping.ts"
import { parseArptablesListing, parseEbtablesListing } from "./legacy-listing.ts"
import { judgeLegacy, type LegacyTable } from "./legacy-rules.ts"
import type { Scope } from "./nft-open.ts"
import { failureOf } from "./reading.ts"
import type { RunCommand } from "./run-command.ts"
import { builtinChains } from "./save-text.ts"

/**
 * arptables-legacy and ebtables-legacy. Neither has a restore that works everywhere (arptables' is a script that asks
 * the other backend), so their commands are run one by one, and their first step is already the lasting one.
 */
export class Layer2Firewall implements FirewallBackend {
  readonly backend: "arptables-legacy" | "ebtables-legacy"
  readonly #run: RunCommand
  readonly #path: string
  readonly #held: () => readonly string[]

  /** @param held the names of the tables that the kernel holds now */
  constructor(
    backend: "arptables-legacy" | "ebtables-legacy",
    run: RunCommand,
    path: string,
    held: () => readonly string[],
  ) {
    this.backend = backend
    this.#run = run
    this.#path = path
    this.#held = held
  }

  async open(): Promise<StepResult> {
    return { changed: false, failures: [] }
  }

  async wouldSettle(scope: Scope): Promise<boolean> {
    if (scope === "filter") return false
    for (const table of this.#tables()) {
      const held = await this.#list(table)
      if (held === undefined || this.#chains(table).some((chain) => needs(held, chain))) return true
    }
    return false
  }

  async settle(scope: Scope): Promise<StepResult> {
    if (scope === "filter") return { changed: false, failures: [] }
    const failures: string[] = []
    let changed = false
    for (const table of this.#tables()) {
      const held = await this.#list(table)
      for (const chain of this.#chains(table)) {
        if (held !== undefined && !needs(held, chain)) continue
        for (const args of [
          ["-P", chain, "ACCEPT"],
          ["-F", chain],
        ]) {
          const result = await this.#run({ path: this.#path, args: ["-t", table, ...args] })
          if (result.ok) changed = true
          else failures.push(`${this.backend}: ${table} ${chain}: ${failureOf(result)}`)
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
    return builtinChains[this.backend === "arptables-legacy" ? "arptables" : "ebtables"][table] ?? []
  }

  async #list(table: string): Promise<LegacyTable | undefined> {
    const arp = this.backend === "arptables-legacy"
    const args = ["-t", table, "-L", ...(arp ? ["-n", "-v"] : ["--Lc"])]
    const result = await this.#run({ path: this.#path, args })
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

function needs(held: LegacyTable, chain: string): boolean {
  const policy = held.policies.get(chain)
  // A chain that this kernel does not have (arptables FORWARD) is not listed and cannot be asked for.
  if (policy === undefined) return false
  return policy !== "ACCEPT" || held.rules.some((rule) => rule.startsWith(`-A ${chain} `))
}
