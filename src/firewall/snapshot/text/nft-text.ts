/**
 * Reads what `nft list ruleset` prints (nft(8), LIST OUTPUT). The layout is fixed by libnftables' rule.c: a table opens
 * at column 0, its parts at one tab, a part's lines at two tabs or more, and each closes with a brace at its own column.
 * A rule that holds an anonymous chain spans lines; its inner lines have three tabs or more.
 */

/** One part of a table: a chain, set, map, counter, flowtable ... */
export interface NftBlock {
  /** "chain", "set", "map", "counter", "quota", "flowtable", "ct helper", ... */
  readonly kind: string
  readonly name: string
  /** The lines between the braces, as printed, blank lines left out. */
  readonly lines: readonly string[]
  /** A change has written into this set: of its elements each counts (written-sets.ts). */
  readonly written?: true
}

/** One table as nft prints it. */
export interface NftTableText {
  readonly family: string
  readonly name: string
  /** The table's own lines: `flags dormant`, `comment "..."`. */
  readonly attributes: readonly string[]
  readonly blocks: readonly NftBlock[]
}

/** A chain's lines taken apart: what declares it, and its rules, each with the lines it spans. */
export interface NftChainText {
  readonly declaration: readonly string[]
  readonly rules: readonly string[]
}

/** The tables of a listing that came out whole, and the fault of the text where it is no whole listing. */
export interface NftListing {
  readonly tables: readonly NftTableText[]
  readonly broken?: string
}

/** The tables of a listing that are whole; see {@link parseListing}. */
export function parseRuleset(listing: string): readonly NftTableText[] {
  return parseListing(listing).tables
}

/**
 * Splits a listing into its tables. Blank lines and those that begin with `#` (warnings) may stand between them; anything else
 * there, or an end in the middle of a table, is told: the tool has crashed, or it is not nft that has spoken.
 */
export function parseListing(listing: string): NftListing {
  const tables: NftTableText[] = []
  let table: { family: string; name: string; attributes: string[]; blocks: NftBlock[] } | undefined
  let block: { kind: string; name: string; lines: string[] } | undefined
  let broken: string | undefined
  for (const line of listing.split("\n")) {
    if (table === undefined) {
      const opened = /^table (\S+) (\S+) \{/.exec(line)
      if (opened) table = { family: opened[1] ?? "", name: opened[2] ?? "", attributes: [], blocks: [] }
      else if (line.trim() !== "" && !line.startsWith("#")) broken ??= `it prints "${shown(line)}"`
    } else if (block !== undefined) {
      if (line === "\t}") {
        table.blocks.push(block)
        block = undefined
      } else if (line.trim() !== "") block.lines.push(line)
    } else if (line === "}") {
      tables.push(table)
      table = undefined
    } else if (/^\t(?!comment |flags )\S.* \{/.test(line)) {
      const head = line.slice(1, line.indexOf(" {"))
      const space = head.lastIndexOf(" ")
      block = { kind: head.slice(0, space), name: head.slice(space + 1), lines: [] }
    } else if (line.trim() !== "") table.attributes.push(line.trim())
  }
  if (table !== undefined) broken ??= `it ends in the middle of table ${table.family} ${table.name}`
  return broken === undefined ? { tables } : { tables, broken }
}

const shown = (line: string): string => line.slice(0, 60).replace(/[^\x20-\x7e]/g, "?")

/** A table as text that `nft -f` takes. */
export function renderTable(table: NftTableText): string {
  const lines = [`table ${table.family} ${table.name} {`, ...table.attributes.map((line) => `\t${line}`)]
  for (const block of table.blocks) lines.push(`\t${block.kind} ${block.name} {`, ...block.lines, "\t}")
  return `${[...lines, "}"].join("\n")}\n`
}

/** Takes a chain's lines apart. A rule with an anonymous chain stays one string of several lines. */
export function chainText(block: NftBlock): NftChainText {
  const declaration: string[] = []
  const rules: string[] = []
  for (const line of block.lines) {
    if (line.startsWith("\t\t\t") || line.startsWith("\t\t}")) {
      const last = rules.pop()
      rules.push(last === undefined ? line : `${last}\n${line}`)
    } else if (rules.length === 0 && /^\t\t(type \S+ hook |comment "|policy )/.test(line))
      declaration.push(line)
    else rules.push(line)
  }
  return { declaration, rules: rules.map((rule) => rule.trim()) }
}

/** True for a table that a process owns (`flags owner`): nobody else may touch it (nf_tables(7), NFT_TABLE_F_OWNER). */
export function isOwned(table: NftTableText): boolean {
  return hasFlag(table, "owner")
}

/** True when this table's hooks are switched off (`flags dormant`). */
export function isDormant(table: NftTableText): boolean {
  return hasFlag(table, "dormant")
}

function hasFlag(table: NftTableText, flag: string): boolean {
  return table.attributes.some(
    (line) =>
      line.startsWith("flags ") &&
      line
        .slice(6)
        .split(/[,\s]+/)
        .includes(flag),
  )
}
