import { openMark } from "../../tools/open-mark.ts"
import { type Family, families, isIpFamily } from "../../tools/table.ts"
import { expectedChains, tableId } from "../nft-table.ts"
import { readTimeoutMs, type SnapshotDeps } from "../reading.ts"
import { chainText, type NftTableText } from "../text/nft-text.ts"
import { rulesByChain, type SaveSection } from "../text/save-text.ts"
import type { KernelTable } from "./kernel/tables.ts"
import { isPrintedWhole, partsOfRule } from "./rule-shape.ts"

/** A rule by what the kernel has made of it. */
interface RuleFacts {
  readonly chain: string
  /** The instructions without their brackets. */
  readonly instructions: string[]
}

/** The rules of a table that its save prints wrong, with exit code 0. */
export interface Misprints {
  /** By chain, the places of the rules that iptables and its kin never make so. */
  readonly foreign: Readonly<Record<string, readonly number[]>>
  /** The chains with rules that no other tool can print. */
  readonly hopeless: readonly string[]
}

type TableName = Pick<NftTableText, "family" | "name">

/** The kernel's view of the rules, asked table by table. */
export interface Instructions {
  /** By chain, the places of the rules that hold an xt match or target. */
  xtRules(table: NftTableText): Readonly<Record<string, readonly number[]>>
  /** A comparison of a save with what the kernel has; nothing where that is not known. */
  misprints(table: NftTableText, saved: SaveSection | undefined): Misprints
  /** False when this save of a table that nft cannot list leaves rules out, or prints some wrong. */
  agreeWith(table: TableName, saved: SaveSection): boolean
}

/**
 * The rules in the kernel's own instructions, as `--debug=netlink` prints them (libnftnl's snprintf): `FAMILY TABLE
 * CHAIN HANDLE [POSITION]`, then an instruction a line in brackets. Not the JSON view: it prints the flags of a dormant
 * or owned table from freed memory (nft 1.0.6), and breaks off where that is no text.
 * @param tables those that are asked for: read are those that xtables may have made; undefined: not known, so all are
 */
export async function readInstructions(
  deps: SnapshotDeps,
  tables: readonly KernelTable[] | Promise<readonly KernelTable[] | undefined>,
): Promise<Instructions> {
  const rules = new Map<string, RuleFacts[]>()
  const read = async (words: readonly string[]): Promise<void> => {
    const debug = await listInstructions(deps, words)
    for (const [table, facts] of parseInstructions(debug, debug.endsWith("}\n"))) rules.set(table, facts)
  }
  const known = await tables
  const asked = known?.filter((one) => one.hasXt || expectedChains(one) !== undefined)
  if (asked === undefined || (asked.length === known?.length && asked.length > 1)) await read(["ruleset"])
  else for (const { family, name } of asked) await read(["table", family, name])
  // They come before the text that nft may die of. Where there are as many as there are rules, they are whole.
  const all = (table: TableName): readonly RuleFacts[] => rules.get(tableId(table)) ?? []
  const isKnown = (table: NftTableText): boolean => {
    const chains = table.blocks.filter(({ kind }) => kind === "chain")
    return all(table).length === chains.reduce((sum, chain) => sum + chainText(chain).rules.length, 0)
  }
  return {
    xtRules: (table) => (isKnown(table) ? xtByChain(all(table)) : xtByText(table)),
    misprints: (table, saved) => (isKnown(table) ? misprintsOf(table, all(table), saved) : none),
    agreeWith(table, saved) {
      const { foreign, hopeless } = misprintsOf(table, all(table), saved)
      return all(table).length <= saved.rules.length && Object.keys(foreign).length + hopeless.length === 0
    },
  }
}

async function listInstructions({ run, tools }: SnapshotDeps, words: readonly string[]): Promise<string> {
  const path = tools.nft
  if (path === undefined) return ""
  const args = ["--debug=netlink", "-t", "list", ...words]
  return (await run({ path, args, timeoutMs: readTimeoutMs, bulky: true })).stdout
}

const none: Misprints = { foreign: {}, hopeless: [] }

function misprintsOf(
  { family }: TableName,
  rules: readonly RuleFacts[],
  saved: SaveSection | undefined,
): Misprints {
  if (!isFamily(family)) return none
  const lines = saved === undefined ? new Map<string, string[]>() : rulesByChain(saved)
  const places = new Map<string, number>()
  const hopeless = new Set<string>()
  const foreign: Record<string, number[]> = {}
  for (const rule of rules) {
    const place = places.get(rule.chain) ?? 0
    places.set(rule.chain, place + 1)
    // Nobody else makes these, and the save of those of IP is whole; the marks of an open are taken out of what it keeps.
    if ((isXt(rule) && isIpFamily(family)) || rule.instructions.includes(openMark)) continue
    const parts = partsOfRule(family, rule.instructions)
    const line = family === "bridge" ? lines.get(rule.chain)?.[place] : undefined
    if (parts !== undefined && (line === undefined || isPrintedWhole(parts, line))) continue
    if (isXt(rule)) hopeless.add(rule.chain)
    else addPlace(foreign, rule.chain, place)
  }
  return { foreign, hopeless: [...hopeless] }
}

function isFamily(name: string): name is Family {
  return families.some((family) => family === name)
}

/** @param whole false when they may have been cut off in the middle of the last rule: that one is left out */
function parseInstructions(debug: string, whole: boolean): Map<string, RuleFacts[]> {
  const tables = new Map<string, RuleFacts[]>()
  let rule: RuleFacts | undefined
  let last: RuleFacts[] = []
  for (const line of debug.split("\n")) {
    const [, table, chain = ""] = /^(\w+ \S+) (\S+) \d+( \d+)? *$/.exec(line) ?? []
    if (table !== undefined) {
      rule = { chain, instructions: [] }
      last = tables.get(table) ?? []
      tables.set(table, last)
      last.push(rule)
    } else if (line.startsWith("  [ ")) rule?.instructions.push(line.slice(4, -2))
    // NFTNL_UDATA_RULE_COMMENT: a comment of nft's; iptables has a match for its own.
    else if (line.startsWith("  userdata = { \\x00"))
      rule?.instructions.push(line.includes(openMark) ? openMark : "comment")
  }
  if (!whole) last.pop()
  return tables
}

function isXt({ instructions }: RuleFacts): boolean {
  return instructions.some((line) => /^(match|target) name /.test(line))
}

function xtByChain(rules: readonly RuleFacts[]): Record<string, number[]> {
  const places = new Map<string, number>()
  const found: Record<string, number[]> = {}
  for (const rule of rules) {
    const place = places.get(rule.chain) ?? 0
    places.set(rule.chain, place + 1)
    if (isXt(rule)) addPlace(found, rule.chain, place)
  }
  return found
}

function addPlace(places: Record<string, number[]>, chain: string, place: number): void {
  const own = places[chain]
  if (own === undefined) places[chain] = [place]
  else own.push(place)
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
