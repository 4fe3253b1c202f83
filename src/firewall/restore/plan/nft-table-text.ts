import type { NftTableCopy } from "../../snapshot/nft-table.ts"
import { impliesRule } from "../../snapshot/nft-table-view.ts"
import {
  chainText,
  isDormant,
  type NftBlock,
  type NftTableText,
  renderTable,
} from "../../snapshot/text/nft-text.ts"
import { chainNameOf, chainOfRule, rulesByChain, type SaveSection } from "../../snapshot/text/save-text.ts"

/** True when a copy comes back with its iptables extensions translated to native rules, because no save prints them. */
export function isTranslated(copy: NftTableCopy): boolean {
  return copy.view === "nft" && Object.keys(copy.xtRules).length > 0
}

/**
 * The part of a table that iptables-restore loads: its chains that are really there (a save also names built-in chains that
 * are not), and for `both` only the rules that need it, with the chains that they jump to. Undefined when there is none.
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
  const chains = saved.chains
    .filter((line) => wanted.has(chainNameOf(line)) && there.has(chainNameOf(line)))
    // The rule that a policy of ebtables stands for is in the listing.
    .map((line) => (impliesRule(listed, line) ? `:${chainNameOf(line)} RETURN` : line))
  return { table: saved.table, chains, rules }
}

function jumpTargets(rule: string): string[] {
  return [...rule.matchAll(/ -[jg] (\S+)/g)].map(([, target]) => target ?? "")
}

/** Text that removes a table, there or not, in any state: `add` of one that is there changes nothing that outlives the delete. */
export function nftDelete(table: { family: string; name: string }): string {
  return `add table ${table.family} ${table.name}\ndelete table ${table.family} ${table.name}\n`
}

/**
 * The part of a table that goes into the nft transaction, after the iptables restores; may be run again. For `nft` the whole
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

/** Text that puts a restored table to sleep where iptables-restore woke it; in a transaction of its own, after the others. */
export function nftSleep(copy: NftTableCopy): string {
  const needed = copy.view !== "nft" && copy.listed !== undefined && isDormant(copy.listed)
  return needed ? `add table ${copy.family} ${copy.name} { flags dormant ; }\n` : ""
}
