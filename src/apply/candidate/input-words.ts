import { programNamed } from "../../firewall/tools/table.ts"

/**
 * The words of an input: what it has named, and what it has emptied. A chain is "ip filter DOCKER" or "legacy ip filter DOCKER", a table "inet f2b-table", a
 * set "ipset f2b-sshd".
 */
export interface InputWords {
  /** The chains, tables and sets that it has named. */
  readonly named: ReadonlySet<string>
  /**
   * Everything that it has emptied whatever stood there: a chain, "ip filter" for all chains of a table, "nft" for everything that nft
   * lists, "ipset" for all sets.
   */
  readonly emptied: ReadonlySet<string>
}

/** The words of nobody. */
export const noWords: InputWords = { named: new Set(), emptied: new Set() }

/** The words of several commands as those of one. */
export function togetherWords(all: readonly InputWords[]): InputWords {
  return {
    named: new Set(all.flatMap(({ named }) => [...named])),
    emptied: new Set(all.flatMap(({ emptied }) => [...emptied])),
  }
}

/** Tells whether the program of this name is the legacy one on this machine. */
export type IsLegacy = (name: string) => boolean

/** The table of a program by its own name for it: "ip filter", "legacy ip6 nat". */
export function tableOf(program: string, isLegacy: IsLegacy): (table: string) => string {
  const family = programNamed(program)?.family ?? "ip"
  return (table) => `${isLegacy(program) ? "legacy " : ""}${family} ${table}`
}

/**
 * The words of a file of iptables-save: the chains of its chain lines and of its rules.
 * @param empties whether loading it empties its tables first, as it does without --noflush
 */
export function wordsOfSave(
  text: string,
  tableName: (table: string) => string,
  empties: boolean,
): InputWords {
  const named = new Set<string>()
  const emptied = new Set<string>()
  let table = "filter"
  for (const line of text.split("\n")) {
    const opened = /^\*(\S+)/.exec(line)?.[1]
    table = opened ?? table
    if (opened !== undefined && empties) emptied.add(tableName(opened))
    const chain =
      /^:(\S+)/.exec(line)?.[1] ??
      /^(?:\[\d+:\d+\] )?(?:-[AIDRNXFP]|--(?:append|insert|delete|new-chain|flush|policy)) "?([^\s"-][^\s"]*)/.exec(
        line,
      )?.[1]
    if (chain !== undefined) named.add(`${tableName(table)} ${chain}`)
  }
  return { named, emptied }
}

const family = String.raw`(?:(ip6?|inet|arp|bridge|netdev)\s+)?`
const name = String.raw`"?([\w.$/-]+)"?`
const verb = String.raw`\b(?:add|create|insert|replace|delete|destroy|flush|rename|reset)\s+`
// nft(8): "add" may be left out.
const inTable = new RegExp(
  String.raw`(?:${verb}|(?:^|[;'"\s]))(?:rule|chain|set|map|element|flowtable)\s+${family}${name}\s+${name}|` +
    String.raw`${verb}(?:counter|quota|limit|synproxy|secmark|ct\s+(?:helper|timeout|expectation))\s+${family}${name}\s+${name}`,
  "g",
)
const wholeTable = new RegExp(
  String.raw`(?<!\b(?:list|reset)\s+)\b(?:(delete|destroy|flush)\s+)?table\s+${family}${name}`,
  "g",
)
const flushedChain = new RegExp(String.raw`\bflush\s+chain\s+${family}${name}\s+${name}`, "g")
const chainInBlock = new RegExp(String.raw`(?:^|[\s{;}])chain\s+${name}\s*\{`, "g")
const opensBlock = new RegExp(String.raw`\btable\s+${family}${name}\s*\{`, "g")

/** The words of a text for nft: its tables, and their chains and sets, in blocks and in commands. */
export function wordsOfNft(text: string): InputWords {
  const plain = text.replace(/"[^"\n]*"|#.*$/gm, (found) => (found.startsWith("#") ? "" : found))
  const named = new Set<string>()
  const emptied = new Set<string>()
  if (/\bflush\s+ruleset\b/.test(plain)) emptied.add("nft")
  for (const [, of, table, chain, otherOf, otherTable, other] of plain.matchAll(inTable))
    named.add(`${of ?? otherOf ?? "ip"} ${table ?? otherTable} ${chain ?? other}`)
  for (const [, empties, of, table] of plain.matchAll(wholeTable)) {
    named.add(`${of ?? "ip"} ${table}`)
    if (empties !== undefined) emptied.add(`${of ?? "ip"} ${table}`)
  }
  for (const [, of, table, chain] of plain.matchAll(flushedChain))
    emptied.add(`${of ?? "ip"} ${table} ${chain}`)
  const blocks = [...plain.matchAll(opensBlock)]
  for (const [index, block] of blocks.entries()) {
    const body = plain.slice(block.index + block[0].length, blocks[index + 1]?.index)
    for (const [, chain] of body.matchAll(chainInBlock)) named.add(`${block[1] ?? "ip"} ${block[2]} ${chain}`)
  }
  return { named, emptied }
}

/** ipset(8): the verb behind any options, and the set behind it. */
const ipsetCommand =
  /^\s*(?:-\S+\s+)*?(create|add|del|flush|destroy|rename|swap|[nafxew]|-[NADFXEW]|--(?:create|add|del|flush|destroy|rename|swap))(?=\s|$)(?:\s+("[^"]*"|[^\s-]\S*))?(?:\s+("[^"]*"|\S+))?/

/** The words of commands for ipset, one a line. */
export function wordsOfIpset(lines: readonly string[]): InputWords {
  const named = new Set<string>()
  const emptied = new Set<string>()
  for (const line of lines) {
    const [, verb = "", set, other] = ipsetCommand.exec(line) ?? []
    if (set !== undefined) named.add(`ipset ${unquoted(set)}`)
    else if (/^(flush|destroy|[fx]|-[FX]|--flush|--destroy)$/.test(verb)) emptied.add("ipset")
    if (other !== undefined && /^(rename|swap|[ew]|-[EW]|--rename|--swap)$/.test(verb))
      named.add(`ipset ${unquoted(other)}`)
  }
  return { named, emptied }
}

const unquoted = (name: string): string => name.replace(/^"(.*)"$/, "$1")
