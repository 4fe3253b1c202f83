import type { Dropping, FirewallBackend, StepResult } from "./dropping.ts"
import { type NftChain, type NftListing, parseNftListing, type TableName, tableKey } from "./nft-listing.ts"
import {
  asJson,
  asLine,
  inScope,
  openMark,
  planOpen,
  planSettle,
  type Scope,
  settlingOf,
  type TableStep,
  wakeLine,
} from "./nft-open.ts"
import type { Loaded, NftPort } from "./nft-port.ts"
import { judgeNft, tablesWithHooks } from "./nft-verdicts.ts"

/** Reads the flags of one table ("dormant", "owner", ...); undefined when they cannot be read. */
export type ReadFlags = (table: TableName) => Promise<readonly string[] | undefined>

/**
 * nf_tables, all families; iptables-nft's tables are among them. What the kernel holds is known before an open from the
 * last {@link refresh}, and looked at again after the blind first transaction.
 */
export class NftFirewall implements FirewallBackend {
  readonly backend = "nft"
  readonly #port: NftPort
  readonly #lister: NftPort
  readonly #readFlags: ReadFlags
  #chains: readonly NftChain[] = []
  #chainsText = ""
  /** Tables that carried a flag before any open: put to sleep by somebody else, or owned. */
  readonly #flagged = new Set<string>()
  /** Tables that we put to sleep and have not woken. */
  readonly #asleep = new Map<string, TableName>()
  /** Tables that refused to be touched: their owner has to go first. */
  readonly #owned = new Map<string, TableName>()

  /**
   * @param port what an open goes by: the fastest way first
   * @param lister what whole rulesets are listed by, which may take half a second; not what the next open waits for
   */
  constructor(port: NftPort, lister: NftPort, readFlags: ReadFlags) {
    this.#port = port
    this.#lister = lister
    this.#readFlags = readFlags
  }

  /** Tables that sleep because of us; a snapshot taken now has to say that they did not. */
  get asleep(): readonly TableName[] {
    return [...this.#asleep.values()]
  }

  /** Tables that refused the last open because a process owns them. */
  get owned(): readonly TableName[] {
    return [...this.#owned.values()]
  }

  /** Looks at what is there now, cheaply: the chains only. True when it differs from the last look. */
  async refresh(): Promise<boolean> {
    const text = await this.#port.list("list chains")
    if (text === undefined || text === this.#chainsText) return false
    const listing = parseNftListing(text)
    if (listing === undefined) return false
    this.#chainsText = text
    this.#chains = listing.chains
    return true
  }

  /** Learns which tables carry flags. Costs a full listing (0.3 s with 20 000 rules): never between knock and open. */
  async learnFlags(list: (command: string) => Promise<string | undefined>): Promise<void> {
    const listing = parseNftListing((await list("list tables")) ?? "")
    if (listing === undefined || this.#asleep.size > 0) return
    this.#flagged.clear()
    for (const table of listing.tables) if (table.flags.length > 0) this.#flagged.add(tableKey(table))
  }

  /** Goes the way of an open with nothing in it: the first load of a fresh process takes four milliseconds more. */
  async warmUp(): Promise<boolean> {
    planOpen(this.#chains, "all")
    return (await this.#port.load("")).ok
  }

  async open(scope: Scope): Promise<StepResult> {
    const failures: string[] = []
    const done = new Map<string, TableStep>()
    this.#owned.clear()
    const guessed = this.#plan(scope)
    if (guessed.length > 0 && (await this.#port.load(asLine(guessed))).ok) this.#did(guessed, done)
    const looked = (await this.refresh()) || this.#chainsText !== ""
    if (!looked) failures.push("nft: cannot list what the kernel holds")
    const tables = planOpen(this.#chains, scope)
    const missing = tables.filter((step) => done.get(tableKey(step.table))?.sleeps !== step.sleeps)
    // Asleep by a stale guess although it carries nat: it gets its accepts first, then it may wake.
    const wrong = missing.filter((step) => !step.sleeps && this.#asleep.has(tableKey(step.table)))
    const plain = missing.filter((step) => !this.#flagged.has(tableKey(step.table)))
    if (plain.length > 0) {
      if ((await this.#port.load(asLine(plain))).ok) this.#did(plain, done)
      else for (const step of plain) failures.push(...(await this.#openAlone(step, done)))
    }
    for (const step of missing) {
      if (!this.#flagged.has(tableKey(step.table))) continue
      failures.push(...(await this.#openAlone({ ...step, sleeps: false }, done)))
    }
    if (wrong.length > 0) failures.push(...(await this.#wake(wrong.map(({ table }) => table))))
    return { changed: done.size > 0, failures }
  }

  async wouldSettle(scope: Scope): Promise<boolean> {
    const listing = await this.#list()
    return listing === undefined || this.#settling(listing, scope).some(({ lasting }) => lasting)
  }

  async settle(scope: Scope): Promise<StepResult> {
    const failures: string[] = []
    for (let attempt = 0; attempt < 3; attempt++) {
      const listing = await this.#list()
      if (listing === undefined) return { changed: false, failures: ["nft: cannot list the rules to settle"] }
      const steps = this.#settling(listing, scope)
      const wanted = steps.filter((step) => step.commands.length > 0)
      const asleep = this.asleep.filter((table) => inScope(table, scope))
      const changed = steps.some(({ lasting }) => lasting)
      if (wanted.length === 0 || (await this.#port.load(asLine(wanted))).ok)
        return { changed, failures: await this.#wake(asleep) }
      // Another writer was in between, or one table is in the way: look again, in the end table by table.
      if (attempt < 2) continue
      const bad = new Set<string>()
      for (const step of wanted) {
        const result = await this.#loadAlone(step)
        if (result.ok) continue
        bad.add(tableKey(step.table))
        if (!this.#owned.has(tableKey(step.table)))
          failures.push(`nft: ${tableKey(step.table)}: ${result.error}`)
      }
      // What could not be settled stays asleep: it is open at least.
      failures.push(...(await this.#wake(asleep.filter((table) => !bad.has(tableKey(table))))))
      return { changed, failures }
    }
    return { changed: false, failures }
  }

  async dropping(scope: Scope): Promise<readonly Dropping[] | undefined> {
    const listing = await this.#list()
    if (listing === undefined) return undefined
    const judge = judgeNft(listing)
    const found: Dropping[] = []
    for (const table of tablesWithHooks(listing.chains)) {
      if (!inScope(table, scope)) continue
      const key = tableKey(table)
      const flags = listing.tables.find((one) => tableKey(one) === key)?.flags ?? []
      // nft 1.0.6 prints garbage for flags in JSON; its text tells.
      if (flags.length > 0 && (await this.#readFlags(table))?.includes("dormant")) continue
      const owner = this.#owned.has(key) ? ", owned by a process" : ""
      for (const chain of table.chains) {
        if (chain.base === undefined) continue
        const where = `${key} ${chain.name}`
        const { dropping, meetsPolicy } = judge.base(chain)
        if (meetsPolicy && chain.base.policy === "drop")
          found.push({ backend: "nft", where: `${where} (policy drop${owner})` })
        for (const rule of dropping)
          found.push({ backend: "nft", where: `${where} (rule ${rule.chain} handle ${rule.handle}${owner})` })
      }
    }
    return found
  }

  /** What the blind first transaction says: everything known but what carries flags. */
  #plan(scope: Scope): TableStep[] {
    return planOpen(this.#chains, scope).filter(({ table }) => !this.#flagged.has(tableKey(table)))
  }

  #did(steps: readonly TableStep[], done: Map<string, TableStep>): void {
    for (const step of steps) {
      done.set(tableKey(step.table), step)
      if (step.sleeps) this.#asleep.set(tableKey(step.table), step.table)
    }
  }

  async #openAlone(step: TableStep, done: Map<string, TableStep>): Promise<string[]> {
    const line = await this.#port.load(asLine([step]))
    if (line.ok) {
      this.#did([step], done)
      return []
    }
    const json = await this.#port.load(asJson([step]))
    if (json.ok) {
      this.#did([{ ...step, sleeps: false }], done)
      return []
    }
    if (/operation not permitted/i.test(json.error)) {
      this.#owned.set(tableKey(step.table), step.table)
      return []
    }
    return [`nft: ${tableKey(step.table)}: ${line.error}`]
  }

  async #loadAlone(step: TableStep): Promise<Loaded> {
    const line = await this.#port.load(asLine([step]))
    return line.ok ? line : await this.#port.load(asJson([step]))
  }

  async #wake(tables: readonly TableName[]): Promise<string[]> {
    if (tables.length === 0) return []
    const failures: string[] = []
    const all = await this.#port.load(wakeLine(tables))
    for (const table of tables) {
      const woken = all.ok ? all : await this.#port.load(wakeLine([table]))
      if (woken.ok) this.#asleep.delete(tableKey(table))
      else failures.push(`nft: ${tableKey(table)} stays asleep: ${woken.error}`)
    }
    return failures
  }

  async #list(): Promise<NftListing | undefined> {
    const terse = parseNftListing((await this.#lister.list("list ruleset", "terse")) ?? "")
    // The elements of a verdict map decide what drops; those of other sets may be many, and decide nothing.
    if (!terse?.maps.some(({ verdicts, elements }) => verdicts && elements === undefined)) return terse
    return parseNftListing((await this.#lister.list("list ruleset")) ?? "")
  }

  #settling(listing: NftListing, scope: Scope): (TableStep & { readonly lasting: boolean })[] {
    const judge = judgeNft(listing)
    const flagged = new Set(listing.tables.filter(({ flags }) => flags.length > 0).map(tableKey))
    return tablesWithHooks(listing.chains)
      .filter((table) => inScope(table, scope))
      .filter((table) => !flagged.has(tableKey(table)) || this.#asleep.has(tableKey(table)))
      .map((table) => {
        const rules = listing.rules.filter((rule) => tableKey(rule) === tableKey(table))
        const picked = table.chains.filter((chain) => chain.base && settlingOf(chain) === "pick")
        const dropping = new Set(picked.flatMap((chain) => judge.base(chain).dropping))
        const marks = rules.filter((rule) => rule.comment === openMark)
        const step = planSettle(table, rules, [...new Set([...dropping, ...marks])])
        const flushes = rules.some(
          (rule) =>
            rule.comment !== openMark &&
            table.chains.some(
              (chain) => chain.name === rule.chain && chain.base && settlingOf(chain) === "flush",
            ),
        )
        const policies = table.chains.some((chain) => chain.base?.policy === "drop")
        return { ...step, lasting: flushes || policies || dropping.size > 0 }
      })
  }
}
