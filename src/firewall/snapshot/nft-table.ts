import { isDormant, type NftTableText } from "./text/nft-text.ts"
import { builtinChains, type SaveSection } from "./text/save-text.ts"

/**
 * The view that restores a table: `nft` its listing, `iptables` its save, `both` the save for the rules that only xtables
 * can print and the listing for everything else, `none` nothing.
 */
export type NftView = "nft" | "iptables" | "both" | "none"

/**
 * One nf_tables table in both of its views. Neither is faithful for every table, so both are kept, and `view` says
 * which one restores it.
 */
export interface NftTableCopy {
  readonly family: string
  readonly name: string
  /** As nft lists it; undefined where there is no nft. */
  readonly listed: NftTableText | undefined
  /** As iptables-nft-save and its kin save it, for the tables that they know by name. */
  readonly saved: SaveSection | undefined
  /** By chain, the rules that hold an xt match or target, by their place from 0: nft prints those, but cannot load them. */
  readonly xtRules: Readonly<Record<string, readonly number[]>>
  /**
   * By chain, the rules that iptables and its kin never make so, by their place: a save prints them wrong. Undefined where that is not
   * known, and for tables that they do not save.
   */
  readonly foreignRules?: Readonly<Record<string, readonly number[]>>
  readonly view: NftView
  /** Why no view restores it; set when `view` is "none". */
  readonly why?: string
  /** Where nft cannot list it: its hooks are switched off (`flags dormant`). */
  readonly asleep?: true
  /** A process owns it: only that process may touch it, and it goes when that process ends. */
  readonly owned: boolean
}

/** "ip filter". */
export function tableId(table: { readonly family: string; readonly name: string }): string {
  return `${table.family} ${table.name}`
}

/** Tells whether a table's hooks are switched off. */
export function isAsleep({ asleep, listed }: NftTableCopy): boolean {
  return asleep ?? (listed !== undefined && isDormant(listed))
}

/** The name that differences use for a table of nf_tables. */
export function nftWhere(table: { readonly family: string; readonly name: string }): string {
  return `nft ${tableId(table)}`
}

/** The chains that iptables and its kin expect in this table; undefined when it is not one of theirs. */
export function expectedChains(table: { family: string; name: string }): readonly string[] | undefined {
  const tables: Readonly<Record<string, (typeof builtinChains)["ip"] | undefined>> = builtinChains
  return tables[table.family]?.[table.name]
}
