import { canonicalBlock } from "../snapshot/text/nft-canonical.ts"
import type { NftBlock } from "../snapshot/text/nft-text.ts"
import { type Chain, type ChainRule, emptyBaseChain, type TableChains, targetsOf } from "./chains.ts"
import { mergeBlockElements } from "./elements.ts"
import { matched, sameRules } from "./rule-matching.ts"
import { merged, namesOf, type ThreeWay } from "./three-way.ts"

/**
 * The fate of what both sides have changed and no merge of lines can tell, such as two policies: `refuse` names it; `ours-go` takes
 * our own change back out of it (base is what we put in force, ours what was there before) and leaves what others have made of it.
 */
export type BothChanged = "refuse" | "ours-go"

/** The merge of one table, and the chains and sets of it that cannot be merged. */
export interface MergedTable {
  readonly table: TableChains
  readonly conflicts: readonly string[]
}

const empty: TableChains = { chains: new Map(), others: [] }

/** Merges the chains of one table, and its sets, maps and objects. */
export function mergeChains(sides: ThreeWay<TableChains>, both: BothChanged): MergedTable {
  const { base = empty, ours = empty, theirs = empty } = sides
  const conflicts: string[] = []
  const chains = new Map<string, Chain>()
  for (const name of namesOf(theirs.chains, ours.chains)) {
    const one = { base: base.chains.get(name), ours: ours.chains.get(name), theirs: theirs.chains.get(name) }
    const chain = merged(one, sameChain, () => {
      if (both === "ours-go" || canMerge(one)) return mergeLines(one)
      conflicts.push(name)
      return one.ours
    })
    if (chain !== undefined) chains.set(name, chain)
  }
  keepTargets(chains, theirs)
  const others = mergeBlocks({ base: base.others, ours: ours.others, theirs: theirs.others }, both, conflicts)
  return { table: { chains, others }, conflicts }
}

function sameChain(a: Chain, b: Chain): boolean {
  return headOf(a) === headOf(b) && sameRules(a.rules, b.rules) && a.apart?.join() === b.apart?.join()
}

/** The hook and the policy of a chain, in the view that it has. */
function headOf({ declaration, head }: Chain): string {
  return `${declaration?.map((line) => line.trim()).join() ?? ""} ${head?.replace(/ \[\d+:\d+\]$/, "") ?? ""}`
}

/** Tells whether the lines are all that differs: the chain is there on all sides, and its policy not changed by both. */
function canMerge({ base, ours, theirs }: ThreeWay<Chain>): boolean {
  if (base === undefined || ours === undefined || theirs === undefined) return false
  const [was, own, now] = [headOf(base), headOf(ours), headOf(theirs)]
  const isWhole = [base, ours, theirs].every(({ apart }) => apart === undefined)
  return isWhole && (own === was || now === was || own === now) && haveTheirPlace(base, ours, theirs)
}

/**
 * Tells whether each run of rules that others have added stands in front of all, at the end, or beside a rule that stays. One in the
 * middle of what we replace has no place.
 */
function haveTheirPlace(base: Chain, ours: Chain, theirs: Chain): boolean {
  const [known, survivors] = [matched(theirs.rules, base.rules), matched(base.rules, ours.rules)]
  const added = theirs.rules.map((rule) => !known.has(rule))
  const stays = theirs.rules.map((rule) => survivors.has(known.get(rule) ?? rule))
  return added.every((isAdded, place) => {
    if (!isAdded || added[place - 1] === true || place === 0 || stays[place - 1] === true) return true
    const end = added.indexOf(false, place)
    return end < 0 || stays[end] === true
  })
}

/**
 * A chain as we want it, with what others have written into it since `base`, at the places of what it stood behind (at the end, what
 * they have appended), and without what they have taken away.
 */
function mergeLines({ base, ours, theirs }: ThreeWay<Chain>): Chain | undefined {
  if (theirs === undefined) return undefined
  const wanted = ours ?? emptyBaseChain(theirs) ?? { ...theirs, rules: [] }
  const [was, now] = [base?.rules ?? [], theirs.rules]
  const known = matched(now, was)
  const there = matched(was, now)
  const survivors = matched(was, wanted.rules)
  const gone = new Set(was.filter((rule) => !there.has(rule)).flatMap((rule) => survivors.get(rule) ?? []))
  // One that we want anew, and that is there already: put there by us a moment ago, or by others.
  const stays = new Set(survivors.values())
  const back = matched(
    now.filter((rule) => !known.has(rule)),
    wanted.rules.filter((rule) => !stays.has(rule)),
  )
  const behind = new Map<ChainRule | undefined, ChainRule[]>()
  // Appended behind everything that was there: in front of a rule that comes back it could shut that one out.
  const end = now.findLastIndex((rule) => known.has(rule) || back.has(rule))
  const appended = end < 0 ? [] : now.slice(end + 1)
  let anchor: ChainRule | undefined
  for (const rule of now.slice(0, now.length - appended.length)) {
    const old = known.get(rule)
    const own = old === undefined ? back.get(rule) : survivors.get(old)
    if (own !== undefined) anchor = own
    else if (old === undefined) behind.set(anchor, [...(behind.get(anchor) ?? []), rule])
  }
  const rules = [
    ...(behind.get(undefined) ?? []),
    ...wanted.rules.flatMap((rule) => [...(gone.has(rule) ? [] : [rule]), ...(behind.get(rule) ?? [])]),
    ...appended,
  ]
  // Nobody else's is left in a chain that was not there before.
  if (ours === undefined && rules.length === 0) return undefined
  const policyIsTheirs = base !== undefined && headOf(theirs) !== headOf(base)
  const { declaration, head } = policyIsTheirs ? theirs : wanted
  return { ...wanted, declaration, head, rules }
}

/** A chain that others lead to stays, though our change had made it: without it none of the table would load. */
function keepTargets(chains: Map<string, Chain>, theirs: TableChains): void {
  // A Map goes on to what is added while it is walked.
  for (const [, { rules }] of chains)
    for (const target of rules.flatMap(targetsOf)) {
      const needed = theirs.chains.get(target)
      if (needed !== undefined && !chains.has(target)) chains.set(target, needed)
    }
}

function mergeBlocks(
  { base = [], ours = [], theirs = [] }: ThreeWay<readonly NftBlock[]>,
  both: BothChanged,
  conflicts: string[],
): NftBlock[] {
  const byName = (blocks: readonly NftBlock[]): Map<string, NftBlock> =>
    new Map(blocks.map((block) => [`${block.kind} ${block.name}`, block]))
  const [was, own, now] = [byName(base), byName(ours), byName(theirs)]
  return namesOf(now, own).flatMap((name) => {
    const one = { base: was.get(name), ours: own.get(name), theirs: now.get(name) }
    const block = merged(one, sameBlock, () => {
      const elements = mergeBlockElements(one)
      if (elements !== undefined) return elements
      if (both === "refuse") conflicts.push(name)
      return both === "refuse" ? one.ours : one.theirs
    })
    return block ?? []
  })
}

function sameBlock(a: NftBlock, b: NftBlock): boolean {
  return canonicalBlock(a, "ignored").join("\n") === canonicalBlock(b, "ignored").join("\n")
}
