import { canonicalTable } from "./nft-canonical.ts"
import { chooseView, type NftView } from "./nft-table-view.ts"
import { chainText, isOwned, type NftTableText, parseRuleset } from "./nft-text.ts"
import { failureOf, type Reading, readTimeoutMs, type SnapshotDeps } from "./reading.ts"
import { builtinChains, parseSave, type SaveSection } from "./save-text.ts"

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
  /** Which rules of which chain hold an xt match or target, by their place from 0: nft prints those, but cannot load them. */
  readonly xtRules: Readonly<Record<string, readonly number[]>>
  readonly view: NftView
  /** Why no view restores it; set when `view` is "none". */
  readonly why?: string
  /** A process owns it: only that process may touch it, and it goes when that process ends. */
  readonly owned: boolean
}

/** "ip filter". */
export function tableId(table: { readonly family: string; readonly name: string }): string {
  return `${table.family} ${table.name}`
}

/** Reads all nf_tables tables, in both views, at one moment: it looks again until nothing changed between the looks. */
export async function readNftTables(deps: SnapshotDeps): Promise<Reading<NftTableCopy[]>> {
  if (deps.tools.nft === undefined) return await readSavedOnly(deps)
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
  const [listing, json] = await Promise.all([
    deps.run({ path: nft, args: ["list", "ruleset"], timeoutMs: readTimeoutMs }),
    deps.run({ path: nft, args: ["-j", "-t", "list", "ruleset"], timeoutMs: readTimeoutMs }),
  ])
  if (!listing.ok) return { ok: false, backend: "nft", why: failureOf(listing) }
  const tables = parseRuleset(listing.stdout)
  const rules = json.ok ? readRules(json.stdout) : undefined
  const saves = await readSaves(deps, new Set(tables.filter(isKnownToSave).map((table) => table.family)))
  const copies = tables.map((listed): NftTableCopy => {
    const saved = saves.get(listed.family)?.find((section) => section.table === listed.name)
    const own = rules?.filter((rule) => rule.family === listed.family && rule.table === listed.name)
    const xtRules = own === undefined ? xtByText(listed) : xtByChain(own)
    const owned = isOwned(listed)
    const chosen = chooseView({ listed, saved, xtRules, foreign: own?.some((rule) => rule.foreign) ?? false })
    return { family: listed.family, name: listed.name, listed, saved, xtRules, owned, ...chosen }
  })
  return { ok: true, value: copies }
}

interface RuleFacts {
  readonly family: string
  readonly table: string
  readonly chain: string
  /** Holds an xt match or target. */
  readonly xt: boolean
  /** Holds what iptables never makes and its save prints wrong: sets, maps, no counter. */
  readonly foreign: boolean
}

/** The rules of a JSON listing (libnftables-json(5)), in their order; undefined when this nft cannot print it. */
function readRules(json: string): RuleFacts[] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return undefined
  }
  const entries = (parsed as { nftables?: unknown }).nftables
  if (!Array.isArray(entries)) return undefined
  return entries.flatMap((entry: { rule?: Record<string, unknown> }) => {
    if (entry.rule === undefined) return []
    const { family, table, chain, expr } = entry.rule
    const text = JSON.stringify(expr ?? [])
    const xt =
      Array.isArray(expr) &&
      expr.some((one: object) => one !== null && typeof one === "object" && "xt" in one)
    const foreign = !text.includes('"counter"') || /"(set|vmap|map|elem)":/.test(text)
    return [{ family: String(family), table: String(table), chain: String(chain), xt, foreign }]
  })
}

function xtByChain(rules: readonly RuleFacts[]): Record<string, number[]> {
  const places = new Map<string, number>()
  const found: Record<string, number[]> = {}
  for (const { chain, xt } of rules) {
    const place = places.get(chain) ?? 0
    places.set(chain, place + 1)
    if (xt) found[chain] = [...(found[chain] ?? []), place]
  }
  return found
}

/** Without JSON the text has to do: it marks only what nft cannot translate, so the proof has the last word. */
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

const dialects = { ip: "iptables", ip6: "iptables", arp: "arptables", bridge: "ebtables" } as const

/** The chains that iptables and its kin expect in this table; undefined when it is not one of theirs. */
export function expectedChains(table: { family: string; name: string }): readonly string[] | undefined {
  const dialect = dialects[table.family as keyof typeof dialects]
  return dialect === undefined ? undefined : builtinChains[dialect][table.name]
}

function isKnownToSave(table: NftTableText): boolean {
  return expectedChains(table) !== undefined
}

async function readSaves(
  deps: SnapshotDeps,
  families: ReadonlySet<string>,
): Promise<Map<string, SaveSection[]>> {
  const { iptablesNftSave, ip6tablesNftSave, arptablesNftSave, ebtablesNftSave } = deps.tools
  const savers = {
    ip: iptablesNftSave,
    ip6: ip6tablesNftSave,
    arp: arptablesNftSave,
    bridge: ebtablesNftSave,
  }
  const saves = new Map<string, SaveSection[]>()
  for (const [family, path] of Object.entries(savers)) {
    if (path === undefined || !families.has(family)) continue
    const saved = await deps.run({ path, args: ["-c"], timeoutMs: readTimeoutMs })
    // A save that fails is a view that is not there; what has only that view then says so.
    if (saved.ok) saves.set(family, parseSave(saved.stdout))
  }
  return saves
}

/** Where nft is missing, iptables-nft's own tables are all that can be seen. */
async function readSavedOnly(deps: SnapshotDeps): Promise<Reading<NftTableCopy[]>> {
  const saves = await readSaves(deps, new Set(Object.keys(dialects)))
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
