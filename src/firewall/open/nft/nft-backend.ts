import type { Dropping, FirewallBackend, IsLost, Loaded, Scope, StepResult, TableName } from "../backend.ts"
import { type NftRule, type NftTable, parseNftListing, tableKey } from "./listing.ts"
import type { NftLoader } from "./loader.ts"
import {
  asJson,
  asLine,
  canSleepOn,
  deleteLine,
  inScope,
  isMark,
  planOpen,
  planSettle,
  planSleep,
  type SettleStep,
  settlingOf,
  type TableStep,
  wakeLine,
} from "./open-commands.ts"
import { listRules } from "./rules-listing.ts"
import type { ReadFlags } from "./table-flags.ts"
import { judgeNft } from "./verdicts.ts"

/** A rule is named by its words, up to here. */
const shownLength = 120

/**
 * nf_tables, all families; iptables-nft's tables are among them. What the kernel holds is known before an open from the
 * last {@link refresh}, and looked at again after the blind first transaction.
 */
export class NftBackend implements FirewallBackend {
  readonly backend = "nft"
  readonly #loader: NftLoader
  readonly #lister: NftLoader
  readonly #legacyPlaces: () => readonly string[]
  #tables: readonly NftTable[] = []
  #tablesText: string | undefined
  #heldPlaces: readonly string[] = []
  /** Tables that carried a flag before any open: put to sleep by somebody else, or owned. */
  readonly #flagged = new Set<string>()
  /** The chains that were there when {@link #flagged} was learned. */
  #flagsOf: string | undefined
  /** How many opens began. */
  #opens = 0
  /** Tables that we put to sleep and have not woken. */
  readonly #asleep = new Map<string, TableName>()

  /**
   * @param loader by what an open is loaded: the fastest first
   * @param lister what whole rulesets are listed by, which may take half a second; not what the next open waits for
   * @param legacyPlaces the hooks that legacy tables hang on now (base-hook.ts)
   */
  constructor(loader: NftLoader, lister: NftLoader, legacyPlaces: () => readonly string[] = () => []) {
    this.#loader = loader
    this.#lister = lister
    this.#legacyPlaces = legacyPlaces
  }

  /** Tables that sleep because of us; a snapshot taken now has to say that they did not. */
  get asleep(): readonly TableName[] {
    return [...this.#asleep.values()]
  }

  /** Looks at what is there now, cheaply: the chains only. True when the flags of these tables are to be learned. */
  async refresh(): Promise<boolean> {
    this.#heldPlaces = this.#legacyPlaces()
    return await this.#look()
  }

  async #look(): Promise<boolean> {
    const text = await this.#loader.list("list chains")
    if (text === undefined) return false
    if (text !== this.#tablesText) this.#tables = parseNftListing(text)
    this.#tablesText = text
    return text !== this.#flagsOf && this.#asleep.size === 0
  }

  /**
   * Learns which tables carry flags. By a process of its own: never between knock and open. A look that an open began in
   * counts for nothing: it may show a table asleep before the open has heard that it put it to sleep.
   */
  async learnFlags(read: ReadFlags): Promise<void> {
    const [chains, opens] = [this.#tablesText, this.#opens]
    const tables = await read()
    if (tables === undefined || this.#asleep.size > 0 || opens !== this.#opens) return
    this.#flagsOf = chains
    this.#flagged.clear()
    for (const table of tables) if (table.dormant || table.owned) this.#flagged.add(tableKey(table))
  }

  /**
   * Takes over the tables that sleep because of an open that was cut off; the next open settles and wakes them.
   * @param isLeft whether a table that sleeps is one of those, and not somebody else's doing
   */
  async takeOverSleeping(read: ReadFlags, isLeft: (table: TableName) => boolean): Promise<void> {
    for (const { family, table, dormant, owned } of (await read()) ?? []) {
      const name = { family, table }
      if (!dormant || owned || !isLeft(name)) continue
      this.#flagged.delete(tableKey(name))
      this.#asleep.set(tableKey(name), name)
    }
  }

  /** Loads an open with nothing in it: the first load of a fresh process takes four milliseconds more. */
  async warmUp(): Promise<boolean> {
    this.#plan("all")
    return (await this.#loader.load("")).ok
  }

  async open(scope: Scope): Promise<StepResult> {
    this.#opens += 1
    const failures: string[] = []
    const done = new Map<string, TableStep>()
    const guessed = this.#plan(scope).filter((step) => !this.#isFlagged(step))
    // With nothing to load here the other backends' loads are more urgent than a listing.
    if (guessed.length === 0) await new Promise((resolve) => setImmediate(resolve))
    else if ((await this.#loader.load(asLine(guessed))).ok) this.#did(guessed, done)
    await this.#look()
    if (this.#tablesText === undefined) failures.push("nft: cannot list what the kernel holds")
    const missing = this.#plan(scope).filter((step) => done.get(tableKey(step.table))?.sleeps !== step.sleeps)
    // Asleep by a stale guess although it carries nat: it gets its accepts first, then it may wake.
    const wrong = missing.filter((step) => !step.sleeps && this.#asleep.has(tableKey(step.table)))
    const plain = missing.filter((step) => !this.#isFlagged(step))
    if (plain.length > 0 && (await this.#loader.load(asLine(plain))).ok) this.#did(plain, done)
    else for (const step of plain) failures.push(...(await this.#openAlone(step, done)))
    // Asleep already, or owned. If it is neither any more, it sleeps by us after all.
    for (const step of missing.filter((one) => this.#isFlagged(one)))
      failures.push(...(await this.#openAlone(step, done)))
    if (wrong.length > 0) failures.push(...(await this.#wake(wrong.map(({ table }) => table))))
    return { changed: [...done.values()].some((step) => !this.#isFlagged(step)), failures }
  }

  async wouldSettle(scope: Scope): Promise<boolean> {
    const tables = await this.#list()
    return tables === undefined || this.#settling(tables, scope, nothingLost).some(({ lasting }) => lasting)
  }

  async settle(scope: Scope, isLost: IsLost): Promise<StepResult> {
    const failures: string[] = []
    for (let attempt = 0; ; attempt++) {
      const tables = await this.#list()
      if (tables === undefined) return { changed: false, failures: ["nft: cannot list the rules to settle"] }
      const steps = this.#settling(tables, scope, isLost).filter((step) => step.commands.length > 0)
      const changed = steps.some(({ lasting }) => lasting)
      const bad = new Set<string>()
      if (steps.length > 0 && !(await this.#loader.load(asLine(steps))).ok) {
        // Another writer was in between, or one table is in the way: look again, in the end table by table.
        if (attempt < 2) continue
        for (const step of steps) {
          const result = await this.#loadAlone(step)
          if (result.ok) continue
          bad.add(tableKey(step.table))
          failures.push(`nft: ${tableKey(step.table)}: ${result.error}`)
        }
      }
      for (const step of steps)
        if (step.sleeps && !bad.has(tableKey(step.table))) this.#asleep.set(tableKey(step.table), step.table)
      // What could not be settled stays asleep, and so does what no undo could bring back: it is open at least.
      const sleepOn = new Set(tables.filter((table) => this.#sleepsOn(table, isLost)).map(tableKey))
      const asleep = this.asleep.filter(
        (table) => inScope(table, scope) && !bad.has(tableKey(table)) && !sleepOn.has(tableKey(table)),
      )
      return { changed, failures: [...failures, ...(await this.#wakeOrDelete(asleep, tables))] }
    }
  }

  async dropping(scope: Scope): Promise<readonly Dropping[] | undefined> {
    const tables = await this.#list()
    if (tables === undefined) return undefined
    const found: Dropping[] = []
    for (const table of tables) {
      if (!inScope(table, scope) || table.dormant || this.#asleep.has(tableKey(table))) continue
      if (table.unlisted) found.push({ backend: "nft", where: `${tableKey(table)} (cannot be listed)` })
      const judge = judgeNft(table)
      const owner = table.owned ? ", in a table that a process owns" : ""
      for (const chain of table.chains) {
        if (chain.base === undefined) continue
        const where = `${tableKey(table)} ${chain.name}`
        const { dropping, meetsPolicy } = judge.base(chain.name)
        if (meetsPolicy && chain.base.policy === "drop")
          found.push({ backend: "nft", where: `${where} (policy drop${owner})` })
        for (const rule of dropping) {
          const words = rule.text.replace(/\s+/g, " ").slice(0, shownLength)
          const via = rule.chain === chain.name ? "" : `in ${rule.chain}: `
          found.push({ backend: "nft", where: `${where} (rule ${via}${words}${owner})` })
        }
      }
    }
    return found
  }

  #plan(scope: Scope): TableStep[] {
    return planOpen(this.#tables, scope, this.#heldPlaces, (table) => this.#flagged.has(tableKey(table)))
  }

  #sleepsOn(table: NftTable, isLost: IsLost): boolean {
    return canSleepOn(table, isLost, this.#asleep.has(tableKey(table)))
  }

  #isFlagged({ table }: TableStep): boolean {
    return this.#flagged.has(tableKey(table))
  }

  #did(steps: readonly TableStep[], done: Map<string, TableStep>): void {
    for (const step of steps) {
      done.set(tableKey(step.table), step)
      if (step.sleeps && !this.#isFlagged(step)) this.#asleep.set(tableKey(step.table), step.table)
    }
  }

  async #openAlone(step: TableStep, done: Map<string, TableStep>): Promise<string[]> {
    const line = await this.#loader.load(asLine([step]))
    if (line.ok) {
      this.#did([step], done)
      return []
    }
    // Counted among what still drops; only its owner could have opened it (nf_tables_api.c, nft_table_lookup).
    if (/operation not permitted/i.test(line.error)) return []
    const json = await this.#loader.load(asJson([step]))
    if (json.ok) {
      this.#did([{ ...step, sleeps: false }], done)
      return []
    }
    return [`nft: ${tableKey(step.table)}: ${line.error}`]
  }

  async #loadAlone(step: TableStep): Promise<Loaded> {
    const line = await this.#loader.load(asLine([step]))
    return line.ok ? line : await this.#loader.load(asJson([step]))
  }

  async #wakeOrDelete(asleep: readonly TableName[], tables: readonly NftTable[]): Promise<string[]> {
    const empty = new Set(tables.filter((table) => table.empty).map(tableKey))
    const made = asleep.filter((table) => empty.has(tableKey(table)))
    for (const table of made)
      if ((await this.#loader.load(deleteLine([table]))).ok) this.#asleep.delete(tableKey(table))
    return await this.#wake(asleep.filter((table) => this.#asleep.has(tableKey(table))))
  }

  async #wake(tables: readonly TableName[]): Promise<string[]> {
    if (tables.length === 0) return []
    const failures: string[] = []
    const all = await this.#loader.load(wakeLine(tables))
    for (const table of tables) {
      const woken = all.ok ? all : await this.#loader.load(wakeLine([table]))
      if (woken.ok) this.#asleep.delete(tableKey(table))
      else failures.push(`nft: ${tableKey(table)} stays asleep: ${woken.error}`)
    }
    return failures
  }

  #list(): Promise<readonly NftTable[] | undefined> {
    return listRules(this.#lister, async () => {
      await this.#look()
      return this.#tablesText === undefined ? undefined : this.#tables
    })
  }

  #settling(tables: readonly NftTable[], scope: Scope, isLost: IsLost): SettleStep[] {
    return tables
      .filter((table) => inScope(table, scope) && table.chains.some(({ base }) => base))
      .filter((table) => !table.owned && (!table.dormant || this.#asleep.has(tableKey(table))))
      .map((table) =>
        this.#sleepsOn(table, isLost)
          ? planSleep(table, this.#asleep.has(tableKey(table)))
          : planSettle(table, droppingInPicked(table)),
      )
  }
}

const nothingLost: IsLost = () => false

/**
 * The rules that can drop in chains that are not flushed, and those that could once these are gone: a drop hides what is
 * behind it, and so does an accept of ours, which goes in the same step.
 */
function droppingInPicked(table: NftTable): NftRule[] {
  const picked = table.chains.filter((chain) => chain.base && settlingOf(chain) === "pick")
  const gone = new Set<NftRule>()
  for (;;) {
    const chains = table.chains.map((chain) => ({
      ...chain,
      rules: chain.rules.filter((rule) => !isMark(rule) && !gone.has(rule)),
    }))
    const judge = judgeNft({ ...table, chains })
    const found = picked.flatMap(({ name }) => judge.base(name).dropping)
    if (found.length === 0) return [...gone]
    for (const rule of found) gone.add(rule)
  }
}
