import { builtinChains } from "../../snapshot/text/save-text.ts"
import { judgeLegacy, type LegacyTable } from "./rules.ts"

/** The chains of a legacy table that an open touches: all it was born with, none in nat. */
export function openedChains(table: string): readonly string[] {
  return table === "nat" ? [] : (builtinChains.ip[table] ?? [])
}

/** Our rule at the head of a chain between the open and the settling. It needs no match extension to be loaded. */
const acceptFirst = "-j ACCEPT"

/** One table's part of an `iptables-restore --noflush` input: loaded at its COMMIT, whole or not at all. */
export function section(table: string, lines: readonly string[]): string {
  return `${[`*${table}`, ...lines, "COMMIT"].join("\n")}\n`
}

/** Step 1: an ACCEPT at the head of every builtin chain. Nothing is lost by it. */
export function legacyOpenLines(table: string): string[] {
  return openedChains(table).map((chain) => `-I ${chain} ${acceptFirst}`)
}

/**
 * Step 3: filter's builtin chains flushed; of the marking tables (raw, mangle, security) only the rules that can drop
 * are deleted, each by its own words: by number could hit another writer's rule. Policies ACCEPT everywhere.
 * @param ours how many of our own accepts stand at the head of each chain
 */
export function legacySettleLines(table: string, held: LegacyTable, ours: number): string[] {
  const lines: string[] = []
  for (const chain of openedChains(table)) {
    if ((held.policies.get(chain) ?? "ACCEPT") !== "ACCEPT") lines.push(`:${chain} ACCEPT [0:0]`)
    if (table === "filter") {
      if (held.rules.some((rule) => rule.startsWith(`-A ${chain} `))) lines.push(`-F ${chain}`)
      continue
    }
    for (let nth = 0; nth < oursAtHead(held, chain, ours); nth++) lines.push(`-D ${chain} ${acceptFirst}`)
  }
  const dropping = table === "filter" ? [] : allDropping(table, withoutOurs(table, held, ours))
  return [...lines, ...dropping.map((rule) => rule.replace(/^-A /, "-D "))]
}

/** The rules that can drop, and those that could once these are gone: a drop hides what is behind it. */
function allDropping(table: string, held: LegacyTable): string[] {
  const dropping: string[] = []
  let rules = held.rules
  for (;;) {
    const left = { policies: held.policies, rules }
    const found = new Set(openedChains(table).flatMap((chain) => judgeLegacy(left, chain).dropping))
    if (found.size === 0) return dropping
    // Equal rules are deleted one by one: each line takes the first that is left.
    dropping.push(...rules.filter((rule) => found.has(rule)))
    rules = rules.filter((rule) => !found.has(rule))
  }
}

/** How many of our accepts stand at the head of a chain: fewer than we put there, when somebody has flushed it since. */
function oursAtHead(held: LegacyTable, chain: string, ours: number): number {
  const rules = held.rules.filter((rule) => rule.startsWith(`-A ${chain} `))
  const others = rules.findIndex((rule) => rule !== `-A ${chain} ${acceptFirst}`)
  return Math.min(ours, others < 0 ? rules.length : others)
}

/** The table without our own accepts. */
function withoutOurs(table: string, held: LegacyTable, ours: number): LegacyTable {
  const left = new Map(
    openedChains(table).map((chain) => [`-A ${chain} ${acceptFirst}`, oursAtHead(held, chain, ours)]),
  )
  const rules = held.rules.filter((rule) => {
    const count = left.get(rule) ?? 0
    left.set(rule, count - 1)
    return count <= 0
  })
  return { policies: held.policies, rules }
}

/** True when settling changes more than taking our own accepts away. */
export function legacyWouldSettle(table: string, held: LegacyTable, ours: number): boolean {
  return legacySettleLines(table, withoutOurs(table, held, ours), 0).length > 0
}
