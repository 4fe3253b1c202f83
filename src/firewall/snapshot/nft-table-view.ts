import type { NftView } from "./nft-table.ts"
import { chainText, type NftTableText } from "./text/nft-text.ts"
import { chainNameOf, rulesByChain, type SaveSection } from "./text/save-text.ts"

export interface Views {
  readonly listed: NftTableText
  readonly saved: SaveSection | undefined
  readonly xtRules: Readonly<Record<string, readonly number[]>>
  /** It has rules that iptables and its kin never make so: its save prints them wrong. */
  readonly foreign: boolean
  /** The chains with rules that its save prints wrong, and that nothing else prints. */
  readonly hopeless?: readonly string[]
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
  const all = viewsOf(views)
  return isLoadable(views.listed) ? all : all.filter((view) => view === "iptables")
}

function viewsOf(views: Views): NftView[] {
  const { listed, saved, xtRules, foreign, hopeless = [] } = views
  if (hopeless.length > 0) return []
  // iptables makes no table without making a chain.
  if (listed.blocks.length === 0) return ["nft"]
  const xtChains = Object.keys(xtRules)
  const translated = xtChains.every((name) => isTranslatable(blockText(listed, name)))
  if (saved === undefined) return translated ? ["nft"] : []
  const savedCounts = new Map([...rulesByChain(saved)].map(([chain, rules]) => [chain, rules.length]))
  const listedCounts = ruleCounts(listed)
  for (const line of saved.chains) {
    const name = chainNameOf(line)
    if (impliesRule(listed, line)) savedCounts.set(name, (savedCounts.get(name) ?? 0) + 1)
  }
  const inStep = (name: string): boolean => (listedCounts.get(name) ?? 0) === (savedCounts.get(name) ?? 0)
  if (!xtChains.every(inStep)) return translated ? ["nft"] : []
  const chains = listed.blocks.filter((block) => block.kind === "chain").map((block) => block.name)
  const names = new Set(saved.chains.map(chainNameOf))
  const savedWhole =
    chains.length === listed.blocks.length && chains.every((name) => names.has(name) && inStep(name))
  // What iptables made, iptables makes again to the last instruction; nft may choose others that do the same.
  if (xtChains.length === 0 && savedWhole) return foreign ? ["nft", "iptables"] : ["iptables", "nft"]
  if (xtChains.length === 0) return ["nft"]
  if (!savedWhole) return ["both"]
  return foreign ? ["both", "iptables"] : ["iptables", "both"]
}

/** False where nft prints words in place of what it has no words for (datatype.c): it does not take them back. */
function isLoadable({ blocks }: NftTableText): boolean {
  return !blocks.some(({ lines }) => lines.some((line) => line.includes("[invalid type]")))
}

/**
 * ebtables keeps the policy of a user's chain as a last rule, which its save prints as the policy and not as a rule.
 * @param head the chain's line in the save
 */
export function impliesRule(listed: NftTableText, head: string): boolean {
  if (listed.family !== "bridge") return false
  return /^:\S+ (ACCEPT|DROP)\b/.test(head) && !isBase(listed, chainNameOf(head))
}

/** True where nft has native words for every extension. */
export function isTranslatable(listed: string): boolean {
  return !savedNowhere.test(listed)
}

/** The words that nft prints for an extension that it has no native words for. */
const savedNowhere = /\bxt (match|target|watcher) |XT target \S+ not found/

function blockText(listed: NftTableText, chain: string): string {
  const block = listed.blocks.find((one) => one.kind === "chain" && one.name === chain)
  return block?.lines.join("\n") ?? ""
}

function whyNone({ saved, xtRules, listed, hopeless = [] }: Views): string {
  if (!isLoadable(listed)) return "nft prints a part of it as [invalid type], and does not take that back"
  if (hopeless.length > 0) return `its save leaves out some of what rules ask (chain ${hopeless.join(", ")})`
  const chains = Object.keys(xtRules).join(", ")
  return saved === undefined
    ? `it holds iptables extensions (chain ${chains}) that nft cannot print, and no save tool prints this table`
    : `it holds iptables extensions beside native rules in one chain (${chains}), and the save leaves some out`
}

function isBase(listed: NftTableText, chain: string): boolean {
  return /^\s*type \S+ hook /m.test(blockText(listed, chain))
}

function ruleCounts(listed: NftTableText): Map<string, number> {
  const chains = listed.blocks.filter((block) => block.kind === "chain")
  return new Map(chains.map((block) => [block.name, chainText(block).rules.length]))
}
