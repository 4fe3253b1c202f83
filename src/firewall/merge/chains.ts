import { stillListed, stillSaved } from "../snapshot/counters.ts"
import { expectedChains, type NftTableCopy } from "../snapshot/nft-table.ts"
import { impliesRule, isTranslatable, possibleViews } from "../snapshot/nft-table-view.ts"
import { chainText, type NftBlock } from "../snapshot/text/nft-text.ts"
import { chainNameOf, chainOfRule, type SaveSection } from "../snapshot/text/save-text.ts"

/** One rule in the views that its table has: the same rule, twice. */
export interface ChainRule {
  /** As nft lists it. */
  readonly listed: string | undefined
  /** As a save prints it, counters in front. */
  readonly saved: string | undefined
  /** Holds an xtables match or target. */
  readonly xt: boolean
  /** iptables and its kin never make it so: a save prints it wrong. */
  readonly foreign: boolean
  /** The policy of a user's chain of ebtables: a save has it in the head. */
  readonly implied?: true
}

/** One chain of a table, to be changed in all views at once. */
export interface Chain {
  readonly name: string
  /** The lines that nft prints above its rules: `type filter hook ...`; undefined where there is no listing. */
  readonly declaration: readonly string[] | undefined
  /** `:INPUT DROP [1:60]`; undefined where there is no save. */
  readonly head: string | undefined
  readonly rules: readonly ChainRule[]
  /** The lines of the save for this chain, where the two views do not go together rule by rule. */
  readonly apart: readonly string[] | undefined
}

/** One table taken apart: its chains by name, in the order of the table, and the rest of it. */
export interface TableChains {
  readonly chains: ReadonlyMap<string, Chain>
  /** Sets, maps, counters and the like of an nft listing. */
  readonly others: readonly NftBlock[]
}

/** Takes a copy of an nf_tables table apart. */
export function openTable(copy: NftTableCopy): TableChains {
  const { listed, saved, xtRules, foreignRules, view } = copy
  const foreign = (chain: string, place: number): boolean =>
    foreignRules === undefined ? view !== "iptables" : foreignRules[chain]?.includes(place) === true
  const blocks = listed?.blocks ?? []
  const heads = new Map(saved?.chains.map((line) => [chainNameOf(line), line]))
  const savedRules = rulesByChain(saved)
  const chains = new Map<string, Chain>()
  for (const block of blocks) {
    if (block.kind !== "chain") continue
    const { declaration, rules } = chainText(block)
    const own = savedRules.get(block.name) ?? []
    const head = heads.get(block.name)
    const implied = listed !== undefined && head !== undefined && impliesRule(listed, head)
    const together = saved !== undefined && own.length === rules.length - (implied ? 1 : 0)
    const xt = new Set(xtRules[block.name])
    chains.set(block.name, {
      name: block.name,
      declaration,
      head,
      rules: rules.map((rule, place) => ({
        listed: rule,
        saved: together ? own[place] : undefined,
        xt: xt.has(place),
        foreign: foreign(block.name, place),
        ...(implied && place === rules.length - 1 ? { implied } : {}),
      })),
      apart: together || saved === undefined ? undefined : own,
    })
  }
  // Beside a listing: a save also names built-in chains that are not there.
  if (listed === undefined)
    for (const [name, chain] of openSection(saved ?? noSection).chains) chains.set(name, chain)
  return { chains, others: blocks.filter((block) => block.kind !== "chain") }
}

const noSection: SaveSection = { table: "", chains: [], rules: [] }

/** Takes a legacy table apart. */
export function openSection(section: SaveSection): TableChains {
  const rules = rulesByChain(section)
  const chains = section.chains.map((head): [string, Chain] => {
    const name = chainNameOf(head)
    const own = (rules.get(name) ?? []).map((saved) => ({
      listed: undefined,
      saved,
      xt: false,
      foreign: false,
    }))
    return [name, { name, declaration: undefined, head, rules: own, apart: undefined }]
  })
  return { chains: new Map(chains), others: [] }
}

/** Puts a legacy table together again. */
export function closeSection(table: string, { chains }: TableChains): SaveSection {
  const all = [...chains.values()]
  return {
    table,
    chains: all.flatMap(({ head }) => head ?? []),
    rules: all.flatMap(({ rules, apart }) => [
      ...rules.flatMap(({ saved }) => saved ?? []),
      ...(apart ?? []),
    ]),
  }
}

/**
 * Puts a table of nf_tables together again, with the view that can load it. A rule that only iptables can load needs
 * its whole chain in the save: where the save has none, lines that are never loaded keep the places.
 * @param copy whose family, name and attributes it has
 */
export function closeTable(copy: NftTableCopy, { chains: given, others }: TableChains): NftTableCopy {
  const all = [...given.values()].map(withTranslations)
  const chains = new Map(all.map((chain) => [chain.name, chain]))
  const listed = copy.listed && {
    ...copy.listed,
    blocks: [...others, ...all.flatMap((chain) => blockOf(chain) ?? [])],
  }
  const xtRules = placesOf(all, ({ xt }) => xt)
  const foreignRules = placesOf(all, ({ foreign }) => foreign)
  const saved = savedOf(copy, chains, new Set(Object.keys(xtRules)))
  const { why: _, ...rest } = copy
  const made = { ...rest, listed, saved, xtRules, ...(saved === undefined ? {} : { foreignRules }) }
  if (listed === undefined) return made
  if (copy.view === "none") return { ...made, ...(copy.why === undefined ? {} : { why: copy.why }) }
  const foreign = Object.keys(foreignRules).length > 0
  const [view] = possibleViews({ listed, saved, xtRules, foreign })
  if (view !== undefined) return { ...made, view }
  return {
    ...made,
    view: "none",
    why: "rules of another program cannot be kept beside the new ones of this table",
  }
}

/**
 * An extension that no save prints, of a table that iptables cannot print any more, is what nft has translated it to: it comes from the
 * listing as a native rule does, and the extensions beside it from their save.
 */
function withTranslations(chain: Chain): Chain {
  if (chain.apart !== undefined) return chain
  const isTranslated = ({ xt, saved, listed }: ChainRule): boolean =>
    xt && saved === undefined && listed !== undefined && isTranslatable(listed)
  return { ...chain, rules: chain.rules.map((rule) => (isTranslated(rule) ? { ...rule, xt: false } : rule)) }
}

/** By chain, the places of the rules of one kind. */
function placesOf(
  chains: readonly Chain[],
  isOne: (rule: ChainRule) => boolean,
): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    chains.flatMap(({ name, rules }) => {
      const places = rules.flatMap((rule, place) => (isOne(rule) ? [place] : []))
      return places.length === 0 ? [] : [[name, places]]
    }),
  )
}

function blockOf({ name, declaration, rules }: Chain): NftBlock | undefined {
  if (declaration === undefined) return undefined
  const lines = rules.flatMap(({ listed }) => (listed === undefined ? [] : [`\t\t${listed}`]))
  return { kind: "chain", name, lines: [...declaration, ...lines.flatMap((line) => line.split("\n"))] }
}

/** The save of a table; where the save refuses the table as a whole, only its chains with extensions, as in a snapshot. */
function savedOf(
  copy: NftTableCopy,
  chains: TableChains["chains"],
  xtChains: ReadonlySet<string>,
): SaveSection | undefined {
  if (copy.saved === undefined && xtChains.size === 0) return undefined
  const builtin = new Set(expectedChains(copy))
  const all = [...chains.values()].map((chain): Chain => {
    // No save prints the base chains that iptables does not know.
    const isUnknown = !builtin.has(chain.name) && emptyBaseChain(chain) !== undefined
    const fresh = isUnknown ? undefined : `:${chain.name} ${builtin.has(chain.name) ? "ACCEPT" : "-"} [0:0]`
    const isWhole = copy.saved !== undefined || xtChains.has(chain.name)
    const rules = isWhole ? (chain.apart === undefined ? paddedRules(chain) : chain.rules) : []
    return { ...chain, head: chain.head ?? fresh, rules }
  })
  const section = closeSection(copy.name, {
    chains: new Map(all.map((chain) => [chain.name, chain])),
    others: [],
  })
  // It names those built-in chains as well that are not there.
  const named = (copy.saved?.chains ?? []).map(chainNameOf)
  const absent = named.filter((name) => builtin.has(name) && !chains.has(name))
  return { ...section, chains: [...section.chains, ...absent.map((name) => `:${name} ACCEPT [0:0]`)] }
}

/**
 * A chain with extensions, with a line, which is never loaded, at the place of each native rule that the save cannot print. An extension
 * of a table that no save prints has none: its chain is then out of step.
 */
function paddedRules({ name, rules }: Chain): readonly ChainRule[] {
  if (!rules.some(({ xt }) => xt)) return rules
  return rules.map((rule) =>
    rule.xt || rule.implied
      ? rule
      : { ...rule, saved: rule.saved ?? `-A ${name} -m comment --comment native` },
  )
}

function rulesByChain(section: SaveSection | undefined): Map<string, string[]> {
  const chains = new Map<string, string[]>()
  for (const rule of section?.rules ?? []) {
    const name = chainOfRule(rule)
    const own = chains.get(name)
    if (own === undefined) chains.set(name, [rule])
    else own.push(rule)
  }
  return chains
}

/** A rule in one view as text that is equal when the rule is, whatever it has counted. */
export function stillIn({ listed, saved }: ChainRule, view: "saved" | "listed"): string | undefined {
  return view === "saved" ? saved && stillSaved(saved) : listed && stillListed(listed)
}

/** The chains that a rule goes to. */
export function targetsOf({ listed, saved }: ChainRule): string[] {
  const words = saved === undefined ? / (?:jump|goto) (\S+)/g : / -[jg] (\S+)/g
  return [...` ${saved ?? listed ?? ""}`.matchAll(words)].map(([, name = ""]) => name.replace(/[,}]+$/, ""))
}

/** A base chain without its rules, letting everything through: as it is born. Undefined for one that is only jumped to. */
export function emptyBaseChain(chain: Chain): Chain | undefined {
  const { declaration, head } = chain
  const isBase =
    declaration?.some((line) => /^\s*type \S+ hook /.test(line)) ??
    (head !== undefined && !/ -( |$)/.test(head))
  if (!isBase) return undefined
  return {
    name: chain.name,
    declaration: declaration?.map((line) => line.replace(/policy \w+;/, "policy accept;")),
    head: head?.replace(/^(:\S+) \S+/, "$1 ACCEPT"),
    rules: [],
    apart: undefined,
  }
}
