import type { NftTableCopy } from "./nft-tables.ts"
import { chainText, isDormant, type NftBlock, type NftTableText, renderTable } from "./nft-text.ts"
import { chainNameOf, chainOfRule, type SaveSection } from "./save-text.ts"

/**
 * Which view restores a table: `nft` its listing, `iptables` its save, `both` the save for the rules that only xtables
 * can print and the listing for everything else, `none` nothing.
 */
export type NftView = "nft" | "iptables" | "both" | "none"

export interface Views {
  readonly listed: NftTableText
  readonly saved: SaveSection | undefined
  readonly xtRules: Readonly<Record<string, readonly number[]>>
  /** Does it hold rules that iptables never makes? Its save prints them wrong, with exit code 0. */
  readonly foreign: boolean
}

/** The view to try first. Only a proof tells whether it is right: see prove.ts. */
export function chooseView(views: Views): { view: NftView; why?: string } {
  const [first] = possibleViews(views)
  return first === undefined ? { view: "none", why: whyNone(views) } : { view: first }
}

/**
 * All views that could restore it, the likeliest first. A save that refuses the table leaves the listing, if it has
 * native words for every extension: then they come back translated, doing the same and looking different.
 */
export function possibleViews(views: Views): NftView[] {
  const { listed, saved, xtRules } = views
  const xtChains = Object.keys(xtRules)
  const translated = xtChains.every((name) => !savedNowhere.test(blockText(listed, name)))
  if (saved === undefined) return translated ? ["nft"] : []
  const savedCounts = new Map([...rulesByChain(saved)].map(([chain, rules]) => [chain, rules.length]))
  const listedCounts = ruleCounts(listed)
  const inStep = (name: string): boolean => (listedCounts.get(name) ?? 0) === (savedCounts.get(name) ?? 0)
  if (!xtChains.every(inStep)) return translated ? ["nft"] : []
  const chains = listed.blocks.filter((block) => block.kind === "chain").map((block) => block.name)
  const names = new Set(saved.chains.map(chainNameOf))
  const savedWhole =
    chains.length === listed.blocks.length && chains.every((name) => names.has(name) && inStep(name))
  // What iptables made, iptables makes again to the last instruction; nft may choose others that do the same.
  if (xtChains.length === 0 && savedWhole) return views.foreign ? ["nft", "iptables"] : ["iptables", "nft"]
  if (xtChains.length === 0) return ["nft"]
  if (!savedWhole) return ["both"]
  return views.foreign ? ["both", "iptables"] : ["iptables", "both"]
}

/** What nft prints for an extension that it has no native words for. */
const savedNowhere = /\bxt (match|target|watcher) |XT target \S+ not found/

function blockText(listed: NftTableText, chain: string): string {
  const block = listed.blocks.find((one) => one.kind === "chain" && one.name === chain)
  return block?.lines.join("\n") ?? ""
}

/** Does this copy come back with its iptables extensions translated to native rules, because no save prints them? */
export function isTranslated(copy: NftTableCopy): boolean {
  return copy.view === "nft" && Object.keys(copy.xtRules).length > 0
}

function whyNone({ saved, xtRules }: Views): string {
  const chains = Object.keys(xtRules).join(", ")
  return saved === undefined
    ? `it holds iptables extensions (chain ${chains}) that nft cannot print, and no save tool prints this table`
    : `it holds iptables extensions beside native rules in one chain (${chains}), and the save leaves some out`
}

function ruleCounts(listed: NftTableText): Map<string, number> {
  const chains = listed.blocks.filter((block) => block.kind === "chain")
  return new Map(chains.map((block) => [block.name, chainText(block).rules.length]))
}

function rulesByChain(saved: SaveSection): Map<string, string[]> {
  const chains = new Map<string, string[]>()
  for (const rule of saved.rules) {
    const chain = chainOfRule(rule)
    const own = chains.get(chain)
    if (own === undefined) chains.set(chain, [rule])
    else own.push(rule)
  }
  return chains
}

/**
 * What of a table iptables-restore loads: its chains that are really there (a save also names built-in chains that are
 * not), and for `both` only the rules that need it, with the chains that they jump to. Undefined when nothing.
 */
export function sectionToRestore(copy: NftTableCopy): SaveSection | undefined {
  const { saved, listed, view } = copy
  if (saved === undefined || (view !== "iptables" && view !== "both")) return undefined
  if (listed === undefined) return saved
  const there = new Set(listed.blocks.filter((block) => block.kind === "chain").map((block) => block.name))
  if (view === "iptables")
    return { ...saved, chains: saved.chains.filter((line) => there.has(chainNameOf(line))) }
  const byChain = rulesByChain(saved)
  const rules = Object.entries(copy.xtRules).flatMap(([chain, places]) => {
    const own = byChain.get(chain) ?? []
    return places.flatMap((place) => own[place] ?? [])
  })
  const wanted = new Set(rules.flatMap((rule) => [chainOfRule(rule), ...jumpTargets(rule)]))
  const chains = saved.chains.filter((line) => wanted.has(chainNameOf(line)) && there.has(chainNameOf(line)))
  return { table: saved.table, chains, rules }
}

function jumpTargets(rule: string): string[] {
  return [...rule.matchAll(/ -[jg] (\S+)/g)].map(([, target]) => target ?? "")
}

/** What removes a table, there or not, in any state: `add` of one that is there changes nothing that outlives the delete. */
export function nftDelete(table: { family: string; name: string }): string {
  return `add table ${table.family} ${table.name}\ndelete table ${table.family} ${table.name}\n`
}

/**
 * What of a table goes into the nft transaction, after the iptables restores; may be run again. For `nft` the whole
 * table; else only the removal of built-in chains that were not there: arptables and ebtables make all of them.
 * @param born the chains that these make by themselves
 */
export function nftToRestore(copy: NftTableCopy, born: readonly string[]): string {
  const { listed, view, family } = copy
  if (listed === undefined || view === "none") return ""
  if (view === "nft") return nftDelete(copy) + renderTable(listed)
  if (family !== "arp" && family !== "bridge") return ""
  const there = new Set(listed.blocks.map((block) => block.name))
  const extra = born.filter((name) => !there.has(name)).map((name) => `chain ${family} ${copy.name} ${name}`)
  return extra.map((chain) => `add ${chain}\ndelete ${chain}\n`).join("")
}

/**
 * For `both`, everything but the rules that iptables-restore has loaded, each rule at its place among those. It goes
 * into a transaction of its own: nft 1.0.6 dies of a rule with an index beside a table that is deleted.
 */
export function nftAmongSaved(copy: NftTableCopy): string {
  return copy.view === "both" && copy.listed !== undefined ? nativePart(copy, copy.listed) : ""
}

function nativePart(copy: NftTableCopy, listed: NftTableText): string {
  const mixed = new Set(Object.keys(copy.xtRules))
  const isMixed = (block: NftBlock): boolean => block.kind === "chain" && mixed.has(block.name)
  const blocks = listed.blocks.map((block) =>
    isMixed(block) ? { ...block, lines: chainText(block).declaration } : block,
  )
  const attributes = listed.attributes.filter((line) => !line.startsWith("flags "))
  const placed = listed.blocks.filter(isMixed).flatMap((block) => {
    const xt = new Set(copy.xtRules[block.name])
    const where = `rule ${copy.family} ${copy.name} ${block.name}`
    return chainText(block).rules.flatMap((rule, place) => {
      if (xt.has(place)) return []
      return [place === 0 ? `insert ${where} ${rule}\n` : `add ${where} index ${place - 1} ${rule}\n`]
    })
  })
  return renderTable({ ...listed, attributes, blocks }) + placed.join("")
}

/** What puts a restored table to sleep where iptables-restore woke it; in a transaction of its own, after the others. */
export function nftSleep(copy: NftTableCopy): string {
  const needed = copy.view !== "nft" && copy.listed !== undefined && isDormant(copy.listed)
  return needed ? `add table ${copy.family} ${copy.name} { flags dormant ; }\n` : ""
}
