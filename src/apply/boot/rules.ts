import {
  type Chain,
  closeSection,
  closeTable,
  openSection,
  openTable,
  type TableChains,
  targetsOf,
} from "../../firewall/merge/chains.ts"
import { nftDelete, sectionToRestore } from "../../firewall/restore/plan/nft-table-text.ts"
import { stillSaved } from "../../firewall/snapshot/counters.ts"
import { type NftTableCopy, tableId } from "../../firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { renderIpsets, usesIpset } from "../../firewall/snapshot/text/ipset.ts"
import { type NftBlock, renderTable } from "../../firewall/snapshot/text/nft-text.ts"
import { isEmptySection, renderSection, type SaveSection } from "../../firewall/snapshot/text/save-text.ts"
import { isIpFamily, toolNamed } from "../../firewall/tools/table.ts"
import {
  isForeignChain,
  isForeignRule,
  isForeignSet,
  isForeignTable,
  isOperatorsChain,
} from "../candidate/foreign-names.ts"

/** A ruleset parted among its loaders; counters are left out, since a boot begins at nothing. */
export interface BootRules {
  readonly v4: readonly SaveSection[]
  readonly v6: readonly SaveSection[]
  readonly ipsets: string
  /** Text for `nft -f`: each table replaces one of its name and touches no other. */
  readonly nft: string
  /** The reasons why some of it cannot be loaded at boot, a line each. */
  readonly unsavable: readonly string[]
  /** Tables and sets that no change has made, and that the boot files did not have: "inet gate", "ipset blocked". */
  readonly leftOut: readonly string[]
}

/**
 * Parts a ruleset among the loaders. What other programs made is left out, since they make it again when they start; the
 * operator's own rules in DOCKER-USER stay. So are nft's own tables and IP sets of whoever else made them.
 * @param backend what plain `iptables-restore` loads into; undefined when nothing runs it at boot, and nft has to take
 *   the tables that it can
 * @param there the tables and sets that the boot files have now
 */
export function bootRules(
  rules: Snapshot,
  backend: "nft" | "legacy" | undefined,
  there: ReadonlySet<string>,
): BootRules {
  const leftOut: string[] = []
  const made = rules.made && new Set(rules.made)
  const isElses = (id: string): boolean => {
    const is = made !== undefined && !made.has(id) && !there.has(id)
    if (is) leftOut.push(id)
    return is
  }
  const unsavable: string[] = []
  const sections: { ip: SaveSection[]; ip6: SaveSection[] } = { ip: [], ip6: [] }
  const nft: string[] = []
  for (const whole of rules.nftTables) {
    if (whole.owned || isForeignTable(whole.name)) continue
    const copy = isOfIptables(whole) ? closeTable(whole, withoutForeign(openTable(whole))) : whole
    if (isEmptyTable(copy) || (!isOfIptables(whole) && isElses(tableId(whole)))) continue
    const { family } = copy
    const saved = copy.view === "iptables" ? sectionToRestore(copy) : undefined
    if (saved !== undefined && backend === "nft" && isIpFamily(family))
      sections[family].push(counterless(saved))
    else if (copy.listed !== undefined && Object.keys(copy.xtRules).length === 0) nft.push(nftText(copy))
    else unsavable.push(`${tableId(copy)}: ${whyNot(copy, backend)}`)
  }
  for (const { backend: from, section } of rules.legacyTables) {
    const own = closeSection(section.table, withoutForeign(openSection(section)))
    if (isEmptySection(own)) continue
    const { family } = toolNamed(from)
    if (isIpFamily(family) && backend === "legacy") sections[family].push(counterless(own))
    else unsavable.push(`${from} ${section.table}: ${legacyWhyNot(isIpFamily(family), backend)}`)
  }
  const text = [...sections.ip, ...sections.ip6].flatMap(({ rules: own }) => own)
  const sets = rules.ipsets.filter(
    ({ name }) =>
      text.some((rule) => usesIpset(rule, new Set([name]))) ||
      (!isForeignSet(name) && !isElses(`ipset ${name}`)),
  )
  return {
    v4: sections.ip,
    v6: sections.ip6,
    ipsets: renderIpsets(sets, new Set()),
    nft: nft.join("\n"),
    unsavable,
    leftOut,
  }
}

/** A section as text without counters. */
export function renderSections(sections: readonly SaveSection[]): string {
  return sections.map(renderSection).join("")
}

function isOfIptables({ view }: NftTableCopy): boolean {
  return view === "iptables" || view === "both"
}

function isEmptyTable({ listed, saved, view }: NftTableCopy): boolean {
  if (view === "iptables" && saved !== undefined) return isEmptySection(saved)
  return listed !== undefined && listed.blocks.length === 0
}

function withoutForeign({ chains, others }: TableChains): TableChains {
  const isGone = (chain: Chain): boolean =>
    isForeignChain(chain.name) &&
    !(isOperatorsChain(chain.name) && chain.rules.some(({ saved }) => !/-j RETURN$/.test(saved ?? "")))
  const kept = [...chains.values()]
    .filter((chain) => !isGone(chain))
    .map((chain): Chain => {
      const rules = chain.rules.filter(
        (rule) => !targetsOf(rule).some(isForeignChain) && !isForeignRule(stillSaved(rule.saved ?? "")),
      )
      return { ...chain, rules }
    })
  return { chains: new Map(kept.map((chain) => [chain.name, chain])), others }
}

function counterless({ table, chains, rules }: SaveSection): SaveSection {
  return {
    table,
    chains: chains.map((line) => line.replace(/ \[\d+:\d+\]$/, " [0:0]")),
    rules: rules.map(stillSaved),
  }
}

function nftText(copy: NftTableCopy): string {
  if (copy.listed === undefined) return ""
  return nftDelete(copy) + renderTable({ ...copy.listed, blocks: copy.listed.blocks.map(stillBlock) })
}

/** Without counts, and without what packets have put into a set. */
function stillBlock(block: NftBlock): NftBlock {
  const lines = block.lines.map((line) =>
    line.replace(/\bpackets \d+ bytes \d+/g, "packets 0 bytes 0").replace(/ used \d+ \w+/g, ""),
  )
  const from = lines.findIndex((line) => line.includes("elements = {"))
  const isDynamic = lines.some((line) => /^\s*flags .*\bdynamic\b/.test(line))
  return { ...block, lines: isDynamic && from >= 0 ? lines.slice(0, from) : lines }
}

function whyNot({ view, family }: NftTableCopy, backend: "nft" | "legacy" | undefined): string {
  if (view === "both")
    return "it mixes rules of iptables with rules of nft, and no service loads both into one table"
  if (!isIpFamily(family)) return "no service loads extensions of arptables or ebtables"
  if (backend === "legacy") return "netfilter-persistent would load it with iptables-legacy"
  return "it needs iptables-restore, and netfilter-persistent is not installed"
}

function legacyWhyNot(isIp: boolean, backend: "nft" | "legacy" | undefined): string {
  if (!isIp) return "no service loads it"
  return backend === "nft"
    ? "netfilter-persistent would load it with iptables-nft"
    : "it needs iptables-restore, and netfilter-persistent is not installed"
}
