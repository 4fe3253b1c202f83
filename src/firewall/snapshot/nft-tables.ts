import { failureOf } from "../../system/process/run-command.ts"
import { families, isIpFamily, toolName } from "../tools/table.ts"
import { expectedChains, type NftTableCopy, tableId } from "./nft-table.ts"
import { chooseView } from "./nft-table-view.ts"
import { breathe, type Reading, readTimeoutMs, type SnapshotDeps } from "./reading.ts"
import { canonicalTable } from "./text/nft-canonical.ts"
import { chainText, isOwned, type NftTableText, parseRuleset } from "./text/nft-text.ts"
import { parseSave, type SaveSection } from "./text/save-text.ts"

/** Reads all nf_tables tables, in both views, at one moment: it looks again until nothing changed between the looks. */
export async function readNftTables(deps: SnapshotDeps): Promise<Reading<NftTableCopy[]>> {
  if (deps.tools.nft === undefined) return await readSavedOnly(deps)
  if (deps.undisturbed === true) return await readOnce(deps, deps.tools.nft)
  let why = ""
  for (let attempt = 0; attempt < 4; attempt++) {
    const before = await terse(deps, deps.tools.nft)
    const read = await readOnce(deps, deps.tools.nft)
    if (!read.ok) return read
    const after = await terse(deps, deps.tools.nft)
    if (before === after) return read
    why = "the rules changed while they were read, four times in a row"
  }
  return { ok: false, backend: "nft", why }
}

/** The ruleset without elements and counters: equal when nobody changed a rule in between. */
async function terse({ run }: SnapshotDeps, nft: string): Promise<string> {
  const listed = await run({ path: nft, args: ["-t", "list", "ruleset"], timeoutMs: readTimeoutMs })
  return parseRuleset(listed.stdout)
    .map((table) => `${tableId(table)}\n${canonicalTable(table, "ignored").join("\n")}`)
    .join("\n")
}

async function readOnce(deps: SnapshotDeps, nft: string): Promise<Reading<NftTableCopy[]>> {
  const [listing, debug] = await Promise.all([
    deps.run({ path: nft, args: ["list", "ruleset"], timeoutMs: readTimeoutMs }),
    deps.run({ path: nft, args: ["--debug=netlink", "-t", "list", "ruleset"], timeoutMs: readTimeoutMs }),
  ])
  if (!listing.ok) return { ok: false, backend: "nft", why: failureOf(listing) }
  const tables = parseRuleset(listing.stdout)
  await breathe()
  const rules = debug.ok ? readInstructions(debug.stdout) : []
  const saves = await readSaves(deps, new Set(tables.filter(isKnownToSave).map((table) => table.family)))
  const copies: NftTableCopy[] = []
  for (const listed of tables) {
    const own = rules.filter((rule) => rule.family === listed.family && rule.table === listed.name)
    const xtRules = own.length === 0 ? xtByText(listed) : xtByChain(own)
    const whole = saves.get(listed.family)?.find((section) => section.table === listed.name)
    const saved = whole ?? (await saveByChain(deps, listed, Object.keys(xtRules)))
    const owned = isOwned(listed)
    const chosen = chooseView({ listed, saved, xtRules, foreign: own.some((rule) => rule.foreign) })
    copies.push({ family: listed.family, name: listed.name, listed, saved, xtRules, owned, ...chosen })
  }
  return { ok: true, value: copies }
}

interface RuleFacts {
  readonly family: string
  readonly table: string
  readonly chain: string
  /** Holds an xt match or target. */
  xt: boolean
  /** Holds what iptables never makes and its save prints wrong: a set or map, or no counter. */
  foreign: boolean
}

/**
 * The rules in the kernel's own instructions, as `--debug=netlink` prints them (libnftnl's snprintf): `FAMILY TABLE
 * CHAIN HANDLE [POSITION]`, then an instruction a line in brackets. Not the JSON view: it prints the flags of a dormant
 * or owned table from freed memory (nft 1.0.6), and breaks off where that is no text.
 */
function readInstructions(debug: string): RuleFacts[] {
  const rules: RuleFacts[] = []
  let rule: RuleFacts | undefined
  for (const line of debug.split("\n")) {
    const head = /^(\w+) (\S+) (\S+) \d+( \d+)? *$/.exec(line)
    if (head) {
      rule = { family: head[1] ?? "", table: head[2] ?? "", chain: head[3] ?? "", xt: false, foreign: true }
      rules.push(rule)
    } else if (rule !== undefined && line.startsWith("  [ ")) {
      if (/^ {2}\[ (match|target) name /.test(line)) rule.xt = true
      if (line.startsWith("  [ counter ") && rule.foreign) rule.foreign = false
      if (line.startsWith("  [ lookup ")) rule.foreign = true
    }
  }
  return rules
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

function isKnownToSave(table: NftTableText): boolean {
  return expectedChains(table) !== undefined
}

async function readSaves(
  deps: SnapshotDeps,
  wanted: ReadonlySet<string>,
): Promise<Map<string, SaveSection[]>> {
  const saves = new Map<string, SaveSection[]>()
  for (const family of families) {
    const path = deps.tools[toolName("nft", family, "save")]
    if (path === undefined || !wanted.has(family)) continue
    const saved = await deps.run({ path, args: ["-c"], timeoutMs: readTimeoutMs })
    // A save that fails is a view that is not there; what has only that view then says so.
    if (saved.ok) saves.set(family, parseSave(saved.stdout))
  }
  return saves
}

/**
 * A save refuses a whole table for one rule that it cannot print. The chains that hold no such rule can still be listed
 * one by one; these are all that `both` needs.
 */
async function saveByChain(
  deps: SnapshotDeps,
  table: NftTableText,
  chains: readonly string[],
): Promise<SaveSection | undefined> {
  const path = isIpFamily(table.family) ? deps.tools[toolName("nft", table.family, "command")] : undefined
  if (path === undefined || !isKnownToSave(table) || chains.length === 0) return undefined
  const rules: string[] = []
  const names = table.blocks.filter((block) => block.kind === "chain").map((block) => block.name)
  for (const chain of chains) {
    const listed = await deps.run({
      path,
      args: ["-t", table.name, "-v", "-S", chain],
      timeoutMs: readTimeoutMs,
    })
    if (!listed.ok) return undefined
    const own = listed.stdout.split("\n").filter((line) => line.startsWith("-A "))
    rules.push(...own.map((line) => line.replace(/^(.*?) -c (\d+) (\d+)((?: -[jg] .*)?)$/, "[$2:$3] $1$4")))
  }
  const builtin = new Set(expectedChains(table))
  const policy = (name: string): string => (builtin.has(name) ? "ACCEPT" : "-")
  return { table: table.name, chains: names.map((name) => `:${name} ${policy(name)} [0:0]`), rules }
}

/** Where nft is missing, iptables-nft's own tables are all that can be seen. */
async function readSavedOnly(deps: SnapshotDeps): Promise<Reading<NftTableCopy[]>> {
  const saves = await readSaves(deps, new Set<string>(families))
  const copies = [...saves].flatMap(([family, sections]) =>
    sections.map(
      (saved): NftTableCopy => ({
        family,
        name: saved.table,
        listed: undefined,
        saved,
        xtRules: {},
        view: "iptables",
        owned: false,
      }),
    ),
  )
  return { ok: true, value: copies }
}
