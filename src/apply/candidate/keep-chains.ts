import {
  type Chain,
  type ChainRule,
  emptyBaseChain,
  type TableChains,
  targetsOf,
} from "../../firewall/merge/chains.ts"
import { isSame, matched } from "../../firewall/merge/rule-matching.ts"
import { stillSaved } from "../../firewall/snapshot/counters.ts"
import { isForeignRule } from "./foreign-names.ts"
import { isUnchanged } from "./kept.ts"

/**
 * Puts the chains that the input did not mean back into a table, and the rules that lead to them.
 *
 * A kept chain comes back as it was in force. A rule that leads to one, in a base chain that the input has emptied or removed, comes
 * back; a rule that the result has as well stays where the result has it. Its
 * place is behind the rule that it stood behind, if that one is still there, and so on upwards; without any, in front: that is
 * where programs insert it, and behind a new "drop everything else" it would be dead.
 * @param own the table as it was in force
 * @param now the table as the input left it
 * @returns undefined when nothing was lost
 */
export function keepChains(
  own: TableChains,
  now: TableChains,
  { isKept, wasEmptied }: ChainRules,
): { table: TableChains; kept: string[] } | undefined {
  const staying = new Set(
    [...own.chains.values()].filter((chain) => isKept(chain, now.chains.get(chain.name))).map(nameOf),
  )
  const chains = new Map(now.chains)
  const kept = new Set<string>()
  for (const [name, chain] of own.chains) {
    if (!staying.has(name) || isUnchanged(chain, chains.get(name))) continue
    kept.add(name)
    chains.set(name, chain)
  }
  for (const [name, chain] of own.chains) {
    const born = emptyBaseChain(chain)
    if (staying.has(name) || born === undefined) continue
    const isTheirs = (rule: ChainRule): boolean =>
      isLooseRule(rule) || targetsOf(rule).some((target) => staying.has(target))
    if (!chain.rules.some(isTheirs)) continue
    const now = chains.get(name)
    // A save also names built-in chains that are not there; only a listing tells.
    const isThere = now !== undefined && (now.declaration !== undefined || chain.declaration === undefined)
    if (isThere && !wasEmptied(name)) continue
    const there = isThere ? now : born
    const rules = withLostRules(chain.rules, there.rules, isTheirs)
    if (rules === undefined) continue
    for (const rule of rules)
      if (!there.rules.includes(rule)) kept.add(targetsOf(rule).find((one) => staying.has(one)) ?? name)
    chains.set(name, { ...there, rules })
  }
  if (kept.size === 0) return undefined
  addNeeded(chains, own)
  const others = [...now.others, ...neededSets(chains, own, now)]
  return { table: { chains, others }, kept: [...kept] }
}

/** The chains of one table that stay, and those that were emptied. */
export interface ChainRules {
  readonly isKept: (own: Chain, now: Chain | undefined) => boolean
  readonly wasEmptied: (chain: string) => boolean
}

const nameOf = ({ name }: Chain): string => name

/** A rule that another program writes into a built-in chain, leading nowhere. */
function isLooseRule({ saved }: ChainRule): boolean {
  return saved !== undefined && isForeignRule(stillSaved(saved))
}

/**
 * The rules of a chain with those that it lost to the input and that stay put back in their places.
 * @returns undefined when it lost none
 */
function withLostRules(
  own: readonly ChainRule[],
  now: readonly ChainRule[],
  isTheirs: (rule: ChainRule) => boolean,
): ChainRule[] | undefined {
  const survivors = matched(own, now)
  // A rule that was there twice and that the input has once is where the input wants it.
  const isThere = (rule: ChainRule): boolean => now.some((other) => isSame(rule, other))
  const lost = own.filter((rule) => isTheirs(rule) && !survivors.has(rule) && !isThere(rule))
  if (lost.length === 0) return undefined
  const missing = new Set(lost)
  const behind = new Map<ChainRule | undefined, ChainRule[]>()
  let anchor: ChainRule | undefined
  for (const rule of own) {
    const survivor = survivors.get(rule)
    if (survivor !== undefined) anchor = survivor
    else if (missing.has(rule)) behind.set(anchor, [...(behind.get(anchor) ?? []), rule])
  }
  return [...(behind.get(undefined) ?? []), ...now.flatMap((rule) => [rule, ...(behind.get(rule) ?? [])])]
}

/** The chains that the ones put back go to, where these are gone. */
function addNeeded(chains: Map<string, Chain>, own: TableChains): void {
  // A Map goes on to what is added while it is walked.
  for (const [, { rules }] of chains)
    for (const target of rules.flatMap(targetsOf)) {
      const needed = own.chains.get(target)
      if (needed !== undefined && !chains.has(target)) chains.set(target, needed)
    }
}

/** The nft sets, maps and objects that a chain names, where these are gone. */
function neededSets(
  chains: ReadonlyMap<string, Chain>,
  own: TableChains,
  now: TableChains,
): TableChains["others"] {
  const there = new Set(now.others.map(({ name }) => name))
  const text = [...chains.values()].flatMap(({ rules }) => rules.map(({ listed = "" }) => listed)).join("\n")
  const words = new Set(text.split(/[\s"@]+/))
  return own.others.filter(({ name }) => !there.has(name) && words.has(name))
}
