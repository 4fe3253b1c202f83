import { tableId } from "../nft-table.ts"
import { readTimeoutMs, type SnapshotDeps } from "../reading.ts"
import { chainText, type NftTableText } from "../text/nft-text.ts"
import type { SaveSection } from "../text/save-text.ts"

/** A rule by what the kernel has made of it. */
interface RuleFacts {
  readonly chain: string
  /** Holds an xt match or target. */
  xt: boolean
  /** Holds what iptables never makes and its save prints wrong: a set or map, or no counter. */
  foreign: boolean
}

/** All that the text of a table does not say about its rules. */
export interface TableFacts {
  /** By chain, the places of the rules that hold an xt match or target. */
  readonly xtRules: Readonly<Record<string, readonly number[]>>
  readonly foreign: boolean
}

/** The kernel's view of the rules, asked table by table. */
export interface Instructions {
  of(table: NftTableText): TableFacts
  /** False when this save of a table that nft cannot list leaves rules out, or holds what iptables never makes. */
  agreeWith(table: { readonly family: string; readonly name: string }, saved: SaveSection): boolean
}

/**
 * The rules in the kernel's own instructions, as `--debug=netlink` prints them (libnftnl's snprintf): `FAMILY TABLE
 * CHAIN HANDLE [POSITION]`, then an instruction a line in brackets. Not the JSON view: it prints the flags of a dormant
 * or owned table from freed memory (nft 1.0.6), and breaks off where that is no text.
 */
export async function readInstructions({ run, tools }: SnapshotDeps): Promise<Instructions> {
  const path = tools.nft
  const args = ["--debug=netlink", "-t", "list", "ruleset"]
  const debug =
    path === undefined ? undefined : await run({ path, args, timeoutMs: readTimeoutMs, bulky: true })
  const rules = parseInstructions(debug?.stdout ?? "", debug?.stdout.endsWith("}\n") === true)
  // They come before the text that nft may die of. Where there are as many as there are rules, they are whole.
  return {
    of(table) {
      const own = rules.get(tableId(table)) ?? []
      const chains = table.blocks.filter(({ kind }) => kind === "chain")
      const count = chains.reduce((sum, chain) => sum + chainText(chain).rules.length, 0)
      if (own.length !== count) return { xtRules: xtByText(table), foreign: false }
      return { xtRules: xtByChain(own), foreign: own.some((rule) => rule.foreign) }
    },
    agreeWith(table, saved) {
      const own = rules.get(tableId(table)) ?? []
      return own.length <= saved.rules.length && !own.some((rule) => rule.foreign)
    },
  }
}

/** @param whole false when they may have been cut off in the middle of the last rule: that one is left out */
function parseInstructions(debug: string, whole: boolean): Map<string, RuleFacts[]> {
  const tables = new Map<string, RuleFacts[]>()
  let rule: RuleFacts | undefined
  let last: RuleFacts[] = []
  for (const line of debug.split("\n")) {
    const [, table, chain = ""] = /^(\w+ \S+) (\S+) \d+( \d+)? *$/.exec(line) ?? []
    if (table !== undefined) {
      rule = { chain, xt: false, foreign: true }
      last = tables.get(table) ?? []
      tables.set(table, last)
      last.push(rule)
    } else if (rule !== undefined && line.startsWith("  [ ")) {
      if (/^ {2}\[ (match|target) name /.test(line)) rule.xt = true
      if (line.startsWith("  [ counter ") && rule.foreign) rule.foreign = false
      if (line.startsWith("  [ lookup ")) rule.foreign = true
    }
  }
  if (!whole) last.pop()
  return tables
}

function xtByChain(rules: readonly RuleFacts[]): Record<string, number[]> {
  const places = new Map<string, number>()
  const found: Record<string, number[]> = {}
  for (const { chain, xt } of rules) {
    const place = places.get(chain) ?? 0
    places.set(chain, place + 1)
    if (!xt) continue
    const own = found[chain]
    if (own === undefined) found[chain] = [place]
    else own.push(place)
  }
  return found
}

/** Without instructions the text has to do: it marks only what nft cannot translate, so the proof has the last word. */
function xtByText(listed: NftTableText): Record<string, number[]> {
  const found: Record<string, number[]> = {}
  for (const block of listed.blocks) {
    if (block.kind !== "chain") continue
    const places = chainText(block).rules.flatMap((rule, place) =>
      /\bxt (match|target)\b/i.test(rule) ? [place] : [],
    )
    if (places.length > 0) found[block.name] = places
  }
  return found
}
