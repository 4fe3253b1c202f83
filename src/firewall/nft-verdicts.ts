import {
  isRecord,
  type NftChain,
  type NftListing,
  type NftRule,
  type TableName,
  tableKey,
} from "./nft-listing.ts"
import { type JudgedRule, type Judgement, judge, type Verdict } from "./verdicts.ts"

/**
 * Targets of x_tables that can take a packet away, as iptables-nft puts them into nf_tables rules: iptables-extensions(8),
 * and xtables-addons(8) for the last line.
 */
export const droppingTargets: ReadonlySet<string> = new Set([
  "DROP",
  "REJECT",
  "QUEUE",
  "NFQUEUE",
  "SYNPROXY",
  "TARPIT",
  "DELUDE",
  "CHAOS",
  "STEAL",
])

/** Statements after which the packet is gone: nft(8), VERDICT, REJECT, QUEUE, SYNPROXY and FWD STATEMENT. */
const droppingStatements: ReadonlySet<string> = new Set(["drop", "reject", "queue", "synproxy", "fwd"])

/** Statements that hold no condition: the rule behind them is met whatever the packet is. */
const unconditional: ReadonlySet<string> = new Set(["counter", "log", "notrack", "comment"])

/** The chains of every table, judged rule by rule; ask {@link NftJudge.base} about a base chain. */
export interface NftJudge {
  /** What can become of a packet in this base chain. */
  base(chain: NftChain): Judgement<NftRule>
}

/** Judges a whole listing. It must hold the elements of verdict maps, or a rule that uses one counts as dropping. */
export function judgeNft(listing: NftListing): NftJudge {
  const maps = new Map(listing.maps.map((map) => [`${tableKey(map)} ${map.name}`, map]))
  const tables = new Map<string, Map<string, JudgedRule<NftRule>[]>>()
  for (const rule of listing.rules) {
    const key = tableKey(rule)
    const chains = tables.get(key) ?? new Map<string, JudgedRule<NftRule>[]>()
    tables.set(key, chains)
    const rules = chains.get(rule.chain) ?? []
    chains.set(rule.chain, rules)
    rules.push(judgeRule(rule, (name) => maps.get(`${key} ${name}`)?.elements))
  }
  return { base: (chain) => judge(tables.get(tableKey(chain)) ?? new Map(), chain.name) }
}

function judgeRule(
  rule: NftRule,
  elementsOf: (map: string) => readonly unknown[] | undefined,
): JudgedRule<NftRule> {
  const verdicts: Verdict[] = []
  let always = true
  for (const statement of rule.expr) {
    // nft prints a statement without a body ("notrack") as {"notrack": null}; a bare string is one it has no JSON for.
    const [kind, body] = isRecord(statement) ? (Object.entries(statement)[0] ?? []) : []
    if (kind === undefined) always = false
    else if (kind === "vmap") {
      verdicts.push(...mapVerdicts(body, elementsOf))
      always = false
    } else if (kind === "xt") {
      const xt = isRecord(body) ? body : {}
      if (xt.type === "target" && droppingTargets.has(String(xt.name))) verdicts.push({ kind: "drop" })
      else if (xt.name !== "comment") always = false
    } else {
      const verdict = statementVerdict(kind, body)
      if (verdict) verdicts.push(verdict)
      else if (kind !== "continue" && !unconditional.has(kind)) always = false
    }
  }
  return { rule, verdicts, always }
}

function statementVerdict(kind: string, body: unknown): Verdict | undefined {
  if (droppingStatements.has(kind)) return { kind: "drop" }
  if (kind === "accept" || kind === "return") return { kind }
  if ((kind === "jump" || kind === "goto") && isRecord(body)) return { kind, chain: String(body.target) }
  return undefined
}

/** The verdicts of `vmap`: its data are `@name`, or the pairs themselves. What cannot be read counts as a drop. */
function mapVerdicts(
  body: unknown,
  elementsOf: (map: string) => readonly unknown[] | undefined,
): readonly Verdict[] {
  const data = isRecord(body) ? body.data : undefined
  const pairs =
    typeof data === "string"
      ? (elementsOf(data.replace(/^@/, "")) ?? undefined)
      : isRecord(data) && Array.isArray(data.set)
        ? data.set
        : undefined
  if (pairs === undefined) return [{ kind: "drop" }]
  const verdicts: Verdict[] = []
  for (const pair of pairs) {
    const value = Array.isArray(pair) ? pair[1] : undefined
    const [kind, target] = isRecord(value) ? (Object.entries(value)[0] ?? []) : []
    if (kind === undefined) return [{ kind: "drop" }]
    const verdict = statementVerdict(kind, target)
    if (verdict) verdicts.push(verdict)
  }
  return verdicts
}

/** Tables that hold at least one base chain, with all of their chains. */
export function tablesWithHooks(chains: readonly NftChain[]): (TableName & { chains: NftChain[] })[] {
  const tables = new Map<string, TableName & { chains: NftChain[] }>()
  for (const chain of chains) {
    const key = tableKey(chain)
    const table = tables.get(key) ?? { family: chain.family, table: chain.table, chains: [] }
    tables.set(key, table)
    table.chains.push(chain)
  }
  return [...tables.values()].filter((table) => table.chains.some((chain) => chain.base))
}
