import { type BaseHook, readHook } from "../../snapshot/text/base-hook.ts"
import {
  chainText,
  isDormant,
  isOwned,
  type NftBlock,
  type NftTableText,
  parseRuleset,
} from "../../snapshot/text/nft-text.ts"
import type { NftFamily, TableName } from "../backend.ts"

/** A rule as nft prints it, without its handle. */
export interface NftRule extends TableName {
  readonly chain: string
  /** NaN when the listing had none. */
  readonly handle: number
  readonly text: string
}

export interface NftChain extends TableName {
  readonly name: string
  /** Undefined for a chain that is only jumped to. */
  readonly base: BaseHook | undefined
  readonly rules: readonly NftRule[]
}

/** A map whose data are verdicts; `elements` is their text, undefined when the listing was terse. */
export interface VerdictMap {
  readonly name: string
  readonly elements: string | undefined
}

export interface NftTable extends TableName {
  /** Its hooks are switched off (`flags dormant`). */
  readonly dormant: boolean
  /** Only the process that owns it may touch it (`flags owner`). */
  readonly owned: boolean
  /** Its rules are not known: nft cannot list them. */
  readonly unlisted?: true
  readonly chains: readonly NftChain[]
  readonly verdictMaps: readonly VerdictMap[]
  /** True when it holds nothing: no chain, set, map, or anything else. */
  readonly empty: boolean
}

/**
 * Reads what `nft -a -y list chains` or `list ruleset` prints. The text, not the JSON: nft 1.0.6 cuts its JSON off in
 * the middle when a table has a flag (native-notes/firewall.md). After `list chains` there are no rules, flags or maps.
 * @param terse the elements of sets and maps may have been left out (`-t`)
 */
export function parseNftListing(text: string, terse?: "terse"): NftTable[] {
  return parseRuleset(text).map((table) => readTable(table, terse !== undefined))
}

function readTable(read: NftTableText, terse: boolean): NftTable {
  const name: TableName = { family: read.family as NftFamily, table: read.name }
  return {
    ...name,
    dormant: isDormant(read),
    owned: isOwned(read),
    chains: read.blocks.filter(({ kind }) => kind === "chain").map((block) => readChain(name, block)),
    verdictMaps: read.blocks
      .filter(({ kind }) => kind === "map")
      .flatMap((block) => readVerdictMap(block, terse)),
    empty: read.blocks.length === 0,
  }
}

function readChain(table: TableName, block: NftBlock): NftChain {
  const { declaration, rules } = chainText(block)
  const name = block.name
  return {
    ...table,
    name,
    base: readHook(declaration.join("\n")),
    rules: rules.map((rule) => {
      const [, text = rule, handle] = /^([\s\S]*?)\s*# handle (\d+)$/.exec(rule) ?? []
      return { ...table, chain: name, handle: Number(handle), text }
    }),
  }
}

function readVerdictMap(block: NftBlock, terse: boolean): VerdictMap[] {
  const text = block.lines.join("\n")
  if (!/^\s*(type|typeof) .*: verdict/m.test(text)) return []
  const elements = /elements = \{([\s\S]*)\}/.exec(text)?.[1]
  return [{ name: block.name, elements: elements ?? (terse ? undefined : "") }]
}

/** One string a table, for sets and maps. The separator occurs in no table name. */
export function tableKey(name: TableName): string {
  return `${name.family} ${name.table}`
}
