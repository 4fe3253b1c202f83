import { type NftTableCopy, tableId } from "../snapshot/nft-table.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { chainText, type NftBlock, type NftTableText } from "../snapshot/text/nft-text.ts"
import { chainNameOf, chainOfRule, type SaveSection } from "../snapshot/text/save-text.ts"
import type { Opened } from "./contract.ts"

/**
 * A snapshot that was taken between step 1 of an open and its settling, without what step 1 put there: tables awake
 * again, our accepts gone from the heads of chains. What is left is what was in force before the open.
 */
export function beforeOpen(taken: Snapshot, opened: Opened): Snapshot {
  const asleep = new Set(opened.asleep.map(({ family, table }) => tableId({ family, name: table })))
  const acceptsOf = (id: string): number => opened.legacyAccepts.filter((one) => one === id).length
  return {
    ...taken,
    // libiptc counts a policy anew for each rule that comes into its chain.
    ...(opened.legacyAccepts.length === 0 ? {} : { uncounted: [...new Set(opened.legacyAccepts)] }),
    nftTables: taken.nftTables
      // Step 1 goes by what it has seen last: to put a table to sleep that is gone since makes an empty one.
      .filter((copy) => !asleep.has(tableId(copy)) || copy.listed?.blocks.length !== 0)
      .map((copy) => nftBefore(copy, asleep.has(tableId(copy)), opened.mark)),
    unread: taken.unread.map(({ asleep: sleeps, ...one }) =>
      sleeps === undefined || asleep.has(one.where.replace(/^nft /, "")) ? one : { ...one, asleep: sleeps },
    ),
    legacyTables: taken.legacyTables.map((copy) => {
      const accepts = acceptsOf(`${copy.backend} ${copy.section.table}`)
      return { ...copy, section: withoutFirstAccepts(copy.section, () => accepts) }
    }),
  }
}

/**
 * A snapshot that was taken behind an open that was cut off, without the `-j ACCEPT` that it left at the head of chains of
 * legacy tables: as many as were not there at arming.
 */
export function withoutNewAccepts(taken: Snapshot, arming: Snapshot | undefined): Snapshot {
  const sectionAtArming = (like: Snapshot["legacyTables"][number]): SaveSection | undefined =>
    arming?.legacyTables.find(
      ({ backend, section }) => backend === like.backend && section.table === like.section.table,
    )?.section
  const legacyTables = taken.legacyTables.map((copy) => {
    const [before, now] = [sectionAtArming(copy)?.rules ?? [], copy.section.rules]
    const left = (chain: string): number => acceptsFirst(now, chain) - acceptsFirst(before, chain)
    return { ...copy, section: withoutFirstAccepts(copy.section, left) }
  })
  return { ...taken, legacyTables }
}

function nftBefore(copy: NftTableCopy, slept: boolean, mark: string): NftTableCopy {
  const { listed } = copy
  if (listed === undefined) return slept ? wokenSave(copy) : copy
  const marks = new Map<string, number>()
  const blocks = listed.blocks.map((block) => withoutMarks(block, mark, marks))
  const attributes = slept ? listed.attributes.flatMap(awake) : listed.attributes
  const before: NftTableText = { ...listed, attributes, blocks }
  // The places of xtables rules count from the chain's head, where our accepts were.
  const xtRules = Object.fromEntries(
    Object.entries(copy.xtRules).map(([chain, places]) => [
      chain,
      places.map((place) => place - (marks.get(chain) ?? 0)),
    ]),
  )
  return { ...copy, listed: before, saved: copy.saved && withoutHeads(copy.saved, marks), xtRules }
}

function wokenSave({ asleep: _, ...awake }: NftTableCopy): NftTableCopy {
  return awake
}

/** `flags dormant` alone goes; among other flags only the word does. */
function awake(attribute: string): string[] {
  if (!attribute.startsWith("flags ")) return [attribute]
  const flags = attribute
    .slice("flags ".length)
    .split(/[ ,;]+/)
    .filter((flag) => flag !== "" && flag !== "dormant")
  return flags.length === 0 ? [] : [`flags ${flags.join(",")}`]
}

function withoutMarks(block: NftBlock, mark: string, marks: Map<string, number>): NftBlock {
  if (block.kind !== "chain") return block
  const ours = (rule: string): boolean => rule.endsWith(`accept comment "${mark}"`)
  const count = chainText(block).rules.filter(ours).length
  if (count === 0) return block
  marks.set(block.name, count)
  return { ...block, lines: block.lines.filter((line) => !ours(line.trimEnd())) }
}

/** Drops as many rules from the head of each chain as our marks stood there. */
function withoutHeads(section: SaveSection, marks: ReadonlyMap<string, number>): SaveSection {
  const left = new Map(marks)
  const rules = section.rules.filter((rule) => {
    const chain = chainOfRule(rule)
    const ours = left.get(chain) ?? 0
    left.set(chain, ours - 1)
    return ours <= 0
  })
  return { ...section, rules }
}

const isBareAccept = (rule: string): boolean => /^(\[\d+:\d+\] )?-A \S+ -j ACCEPT$/.test(rule)

/** How many `-j ACCEPT` a chain begins with. */
function acceptsFirst(rules: readonly string[], chain: string): number {
  const own = rules.filter((rule) => chainOfRule(rule) === chain)
  const others = own.findIndex((rule) => !isBareAccept(rule))
  return others === -1 ? own.length : others
}

/**
 * Without our `-j ACCEPT` at the head of each builtin chain; somebody may have flushed one in between.
 * @param most how many of them a chain may have, each open its own
 */
function withoutFirstAccepts(section: SaveSection, most: (chain: string) => number): SaveSection {
  const builtin = new Set(section.chains.filter((line) => !/ -( |$)/.test(line)).map(chainNameOf))
  const gone = new Map<string, number>()
  const rules = section.rules.filter((rule) => {
    const chain = chainOfRule(rule)
    if (!builtin.has(chain)) return true
    const before = gone.get(chain) ?? 0
    const goes = isBareAccept(rule) && before < most(chain)
    gone.set(chain, goes ? before + 1 : Infinity)
    return !goes
  })
  return { ...section, rules }
}
