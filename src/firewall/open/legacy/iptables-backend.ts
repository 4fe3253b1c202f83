import type { Dropping, FirewallBackend, Scope, StepResult } from "../backend.ts"
import type { LegacyLoader } from "./loader.ts"
import { legacyOpenLines, legacySettleLines, legacyWouldSettle, openedChains, section } from "./open-lines.ts"
import { judgeLegacy, type LegacyTable, parseLegacyRules } from "./rules.ts"

/**
 * One family of iptables: legacy, or, where nft cannot be had, what iptables-nft can do. Its commands are only run for
 * tables that the kernel holds already.
 */
export class IptablesBackend implements FirewallBackend {
  readonly backend: "iptables-legacy" | "ip6tables-legacy" | "nft"
  readonly #loader: LegacyLoader
  readonly #held: () => readonly string[] | Promise<readonly string[]>
  /** How many of our accepts stand at the head of a table's chains. */
  readonly #ours = new Map<string, number>()

  /** @param held the names of the tables that the kernel holds now */
  constructor(
    backend: IptablesBackend["backend"],
    loader: LegacyLoader,
    held: () => readonly string[] | Promise<readonly string[]>,
  ) {
    this.backend = backend
    this.#loader = loader
    this.#held = held
  }

  /** Tables whose chains begin with an ACCEPT of ours now, each as often as they do. */
  get marked(): readonly string[] {
    return [...this.#ours].flatMap(([table, accepts]) => new Array<string>(accepts).fill(table))
  }

  async open(scope: Scope): Promise<StepResult> {
    // Known without waiting, as a rule: then this is on its way before the next backend is asked.
    const held = this.#held()
    const tables = openable(held instanceof Promise ? await held : held, scope)
    const results = await Promise.all(
      tables.map((table) => this.#loader.commit(section(table, legacyOpenLines(table)))),
    )
    const failures: string[] = []
    for (const [index, result] of results.entries()) {
      const table = tables[index] ?? ""
      if (result.ok) this.#ours.set(table, (this.#ours.get(table) ?? 0) + 1)
      else failures.push(`${this.backend}: ${table}: ${result.error}`)
    }
    return { changed: tables.length > failures.length, failures }
  }

  async wouldSettle(scope: Scope): Promise<boolean> {
    for (const table of await this.#tables(scope)) {
      const held = await this.#list(table)
      if (held === undefined || legacyWouldSettle(table, held, this.#oursIn(table))) return true
    }
    return false
  }

  async settle(scope: Scope): Promise<StepResult> {
    const failures: string[] = []
    let changed = false
    for (const table of await this.#tables(scope)) {
      const result = await this.#settleTable(table)
      changed ||= result.changed
      if (result.error !== undefined) failures.push(`${this.backend}: ${table}: ${result.error}`)
    }
    return { changed, failures }
  }

  async #settleTable(table: string): Promise<{ changed: boolean; error?: string }> {
    let error = ""
    // Rules are deleted by their words: when another writer took one away first, the look has to be taken again.
    for (let attempt = 0; attempt < 3; attempt++) {
      const held = await this.#list(table)
      if (held === undefined) return { changed: false, error: "cannot list the rules to settle" }
      const ours = this.#oursIn(table)
      const changed = legacyWouldSettle(table, held, ours)
      const lines = legacySettleLines(table, held, ours)
      if (lines.length === 0) return { changed }
      const result = await this.#loader.commit(section(table, lines))
      if (result.ok) {
        this.#ours.delete(table)
        return { changed }
      }
      error = result.error
    }
    return { changed: false, error }
  }

  async dropping(scope: Scope): Promise<readonly Dropping[] | undefined> {
    const found: Dropping[] = []
    for (const table of await this.#tables(scope)) {
      const held = await this.#list(table)
      if (held === undefined) return undefined
      for (const chain of openedChains(table)) {
        const { dropping, meetsPolicy } = judgeLegacy(held, chain)
        const where = `${table} ${chain}`
        if (meetsPolicy && (held.policies.get(chain) ?? "ACCEPT") !== "ACCEPT")
          found.push({ backend: this.backend, where: `${where} (policy ${held.policies.get(chain)})` })
        for (const rule of dropping) found.push({ backend: this.backend, where: `${where} (rule ${rule})` })
      }
    }
    return found
  }

  async #tables(scope: Scope): Promise<string[]> {
    return openable(await this.#held(), scope)
  }

  async #list(table: string): Promise<LegacyTable | undefined> {
    const text = await this.#loader.rules(table)
    return text === undefined ? undefined : parseLegacyRules(text)
  }

  #oursIn(table: string): number {
    return this.#ours.get(table) ?? 0
  }
}

/** The common lockout first. */
function openable(held: readonly string[], scope: Scope): string[] {
  const order = scope === "filter" ? ["filter"] : ["filter", "raw", "mangle", "security"]
  return order.filter((table) => held.includes(table))
}
