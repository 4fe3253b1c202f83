import { hookPlaces } from "../../snapshot/text/base-hook.ts"
import { isIpFamily } from "../../tools/table.ts"
import { type IsLost, openMark, type Scope, type TableName } from "../backend.ts"
import type { NftChain, NftRule, NftTable } from "./listing.ts"

/** The commands that have to be loaded for one table. */
export interface TableStep {
  readonly table: TableName
  /** True when these commands put the table to sleep. */
  readonly sleeps: boolean
  /** nft commands, to be joined by "; ". */
  readonly commands: readonly string[]
  /** The same effect in JSON, for names that nft's own language cannot spell (a chain called `log`). */
  readonly json: readonly object[]
}

/** "ip filter", as nft commands name it. */
const named = ({ family, table }: TableName): string => `${family} ${table}`

/** True for chains that carry address translation; sleeping or flushing them would cut what they carry. */
const isNat = (chain: NftChain): boolean => chain.base?.type === "nat"

/** True when the scope covers this table. `filter` is the old recipe: iptables-nft's two filter tables. */
export function inScope(table: TableName, scope: Scope): boolean {
  return scope === "all" || (isIpFamily(table.family) && table.table === "filter")
}

/**
 * Step 1 of an open, for every table that hangs on a hook. Nothing that is there is lost by it: a table without nat
 * chains is put to sleep (`flags dormant` unregisters its hooks: nf_tables_api.c, nf_tables_table_disable); in the
 * others an `accept` goes to the head of each chain that is not nat. What drops in a nat chain waits for the settling:
 * an accept there would cut what it translates. Waking registers hooks anew, so that they run before all others of their
 * priority: a table that shares one with another stays awake too.
 * @param held the places of legacy tables ({@link hookPlaces})
 * @param isFlagged tells of tables that sleep already, or are owned
 */
export function planOpen(
  tables: readonly NftTable[],
  scope: Scope,
  held: readonly string[] = [],
  isFlagged: (table: TableName) => boolean = () => false,
): TableStep[] {
  const shared = sharedPlaces(tables, held)
  return tables
    .filter((table) => inScope(table, scope) && table.chains.some(({ base }) => base))
    .map((table) => {
      const accept = acceptFirst(table.chains)
      const shares = !isFlagged(table) && placesOf(table).some((place) => shared.has(place))
      if (shares || table.chains.some(isNat)) return { table, sleeps: false, ...accept }
      return {
        table,
        sleeps: true,
        commands: [`add table ${named(table)} { flags dormant; }`],
        json: accept.json,
      }
    })
    .filter((step) => step.commands.length > 0)
}

function placesOf(table: NftTable): string[] {
  return table.chains.flatMap(({ base }) => (base === undefined ? [] : hookPlaces(table.family, base)))
}

/** Places where chains of more than one table run. */
function sharedPlaces(tables: readonly NftTable[], held: readonly string[]): ReadonlySet<string> {
  const seen = new Set(held)
  const shared = new Set<string>()
  for (const table of tables) {
    const own = new Set(placesOf(table))
    for (const place of own) if (seen.has(place)) shared.add(place)
    for (const place of own) seen.add(place)
  }
  return shared
}

function acceptFirst(chains: readonly NftChain[]): { commands: string[]; json: object[] } {
  const commands: string[] = []
  const json: object[] = []
  for (const chain of chains.filter((one) => one.base && !isNat(one))) {
    const { family, table, name } = chain
    // With a counter, as iptables makes its rules: one without makes a save of its tables untrustworthy.
    commands.push(`insert rule ${named(chain)} ${name} counter accept comment "${openMark}"`)
    const rule = {
      family,
      table,
      chain: name,
      comment: openMark,
      expr: [{ counter: null }, { accept: null }],
    }
    json.push({ insert: { rule } })
  }
  return { commands, json }
}

function pushPolicy(chain: NftChain, commands: string[], json: object[]): void {
  const { family, table, name, base } = chain
  commands.push(`add chain ${named(chain)} ${name} { policy accept; }`)
  // JSON takes a policy only together with the hook (parser_json.c, json_parse_cmd_add_chain).
  const device = base?.devices.length
    ? { dev: base.devices.length === 1 ? base.devices[0] : base.devices }
    : {}
  const hook = { type: base?.type, hook: base?.hook, prio: base?.priority, policy: "accept" }
  json.push({ add: { chain: { family, table, name, ...hook, ...device } } })
}

/** How a chain is settled: flushed, or only its rules that can drop are picked out. */
export type Settling = "flush" | "pick"

/**
 * Chains that filter are flushed. Of chains that mark, route or translate only the rules that can drop are picked out:
 * what they set may be what carries the administrator's packets. Marking is before -101 (NF_IP_PRI_RAW -300,
 * NF_IP_PRI_MANGLE -150: uapi/linux/netfilter_ipv4.h) in the IP families, as iptables-nft's security table is.
 */
export function settlingOf(chain: NftChain): Settling {
  const { base, family, table } = chain
  if (base === undefined || base.type === "nat" || base.type === "route") return "pick"
  const ip = isIpFamily(family) || family === "inet"
  const iptablesSecurity = isIpFamily(family) && table === "security"
  const early = base.priority < -100 && base.hook !== "ingress" && base.hook !== "egress"
  return ip && (early || iptablesSecurity) ? "pick" : "flush"
}

/** Step 3 for one table. */
export interface SettleStep extends TableStep {
  /** False when all it does is to take our own marks away. */
  readonly lasting: boolean
}

/**
 * True for a table whose rules no undo could bring back, and that is open all the same when it goes on sleeping. In one that
 * cannot be listed our marks could not be found again.
 */
export function canSleepOn(table: NftTable, isLost: IsLost, asleep: boolean): boolean {
  return isLost(table) && (asleep || !table.unlisted) && !table.chains.some(isNat)
}

/** Step 3 for a table that goes on sleeping: our marks deleted, nothing else. */
export function planSleep(table: NftTable, asleep: boolean): SettleStep {
  const marks = table.chains.flatMap(({ rules }) => rules.filter(isMark))
  const deleted = marks.map(({ chain, handle }) => `delete rule ${named(table)} ${chain} handle ${handle}`)
  const sleep = asleep ? [] : [`add table ${named(table)} { flags dormant; }`]
  return { table, sleeps: true, commands: [...deleted, ...sleep], json: [], lasting: !asleep }
}

/** True for an accept of ours, left from step 1. */
export const isMark = (rule: NftRule): boolean => rule.text.endsWith(`comment "${openMark}"`)

/**
 * Step 3 for one table: filtering base chains flushed, every policy accept, `dropping` rules (found by the judge, in
 * picked chains and those they jump to) and our own marks deleted. No commands when the table needs nothing.
 */
export function planSettle(table: NftTable, dropping: readonly NftRule[]): SettleStep {
  const commands: string[] = []
  const json: object[] = []
  let lasting = false
  const gone = new Set<NftRule>(dropping)
  for (const chain of table.chains.filter(({ base }) => base)) {
    if (chain.base?.policy === "drop") pushPolicy(chain, commands, json)
    lasting ||= chain.base?.policy === "drop"
    if (settlingOf(chain) === "flush") {
      if (chain.rules.length === 0 && !table.unlisted) continue
      lasting ||= table.unlisted === true || !chain.rules.every(isMark)
      commands.push(`flush chain ${named(chain)} ${chain.name}`)
      json.push({ flush: { chain: { family: chain.family, table: chain.table, name: chain.name } } })
      for (const rule of chain.rules) gone.delete(rule)
    } else for (const rule of chain.rules.filter(isMark)) gone.add(rule)
  }
  for (const rule of gone) {
    const { family, chain, handle } = rule
    lasting ||= !isMark(rule)
    commands.push(`delete rule ${named(table)} ${chain} handle ${handle}`)
    json.push({ delete: { rule: { family, table: table.table, chain, handle } } })
  }
  return { table, sleeps: false, commands, json, lasting }
}

/** Wakes tables; dormancy ends only in a transaction that touches nothing else of them. */
export function wakeLine(tables: readonly TableName[]): string {
  return tables.map((table) => `add table ${named(table)}`).join("; ")
}

/** One line for nft: one transaction. {@link asJson} is the same in JSON. */
export function asLine(steps: readonly TableStep[]): string {
  return steps.flatMap((step) => step.commands).join("; ")
}

/** Ends tables that are empty: a stale guess of step 1 may have made one by putting it to sleep. */
export function deleteLine(tables: readonly TableName[]): string {
  return tables.map((table) => `delete table ${named(table)}`).join("; ")
}

export function asJson(steps: readonly TableStep[]): string {
  return JSON.stringify({ nftables: steps.flatMap((step) => step.json) })
}
