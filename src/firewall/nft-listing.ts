/** The nf_tables families, as nft spells them. */
export type NftFamily = "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev"

/** A table by its full name. */
export interface TableName {
  readonly family: NftFamily
  readonly table: string
}

/** What makes a chain a base chain: it hangs on a hook and sees every packet there. */
export interface BaseHook {
  readonly type: string
  readonly hook: string
  readonly priority: number
  readonly policy: "accept" | "drop"
  /** Devices of a netdev or ingress chain; empty for others. */
  readonly devices: readonly string[]
}

export interface NftChain extends TableName {
  readonly name: string
  /** Undefined for a chain that is only jumped to. */
  readonly base: BaseHook | undefined
}

export interface NftTable extends TableName {
  /**
   * Flags as far as the listing tells them. nft 1.0.6 prints garbage there, so an unknown word means no more than
   * "some flag is set": {@link unclearFlags}.
   */
  readonly flags: readonly string[]
}

/** A rule; `expr` is nft's own JSON, statement by statement (libnftables-json(5)). */
export interface NftRule extends TableName {
  readonly chain: string
  readonly handle: number
  readonly expr: readonly unknown[]
  readonly comment: string | undefined
}

/** A named map; `elements` is undefined when the listing was terse. */
export interface NftMap extends TableName {
  readonly name: string
  /** True when its data are verdicts. */
  readonly verdicts: boolean
  readonly elements: readonly unknown[] | undefined
}

/** What `nft -j list chains` or `nft -j list ruleset` said. */
export interface NftListing {
  readonly tables: readonly NftTable[]
  readonly chains: readonly NftChain[]
  readonly rules: readonly NftRule[]
  readonly maps: readonly NftMap[]
  /** True when a table holds anything but chains and rules, by {@link tableKey}. */
  readonly furnished: ReadonlySet<string>
}

const families: ReadonlySet<string> = new Set(["ip", "ip6", "inet", "arp", "bridge", "netdev"])
const knownFlags: ReadonlySet<string> = new Set(["dormant", "owner", "persist"])

/** One string a table, for sets and maps. The separator occurs in no table name (nft: identifiers hold no space). */
export function tableKey(name: TableName): string {
  return `${name.family} ${name.table}`
}

/** True when some flag is set and the listing does not say which. */
export function unclearFlags(table: NftTable): boolean {
  return table.flags.length > 0 && table.flags.some((flag) => !knownFlags.has(flag))
}

/**
 * Reads nft's JSON. Objects and fields that are not understood are passed over: a newer nft may know more.
 * @returns undefined when the text is not nft's JSON at all.
 */
export function parseNftListing(text: string): NftListing | undefined {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(document) || !Array.isArray(document.nftables)) return undefined
  const tables: NftTable[] = []
  const chains: NftChain[] = []
  const rules: NftRule[] = []
  const maps: NftMap[] = []
  const furnished = new Set<string>()
  for (const entry of document.nftables) {
    const [kind, body] = isRecord(entry) ? (Object.entries(entry)[0] ?? []) : []
    if (kind === undefined || !isRecord(body) || !families.has(String(body.family))) continue
    const family = body.family as NftFamily
    if (kind === "table") {
      tables.push({ family, table: String(body.name), flags: words(body.flags) })
      continue
    }
    const table = String(body.table)
    if (kind === "chain") chains.push({ family, table, name: String(body.name), base: baseHook(body) })
    else if (kind === "rule")
      rules.push({
        family,
        table,
        chain: String(body.chain),
        handle: Number(body.handle),
        expr: Array.isArray(body.expr) ? body.expr : [],
        comment: typeof body.comment === "string" ? body.comment : undefined,
      })
    else furnished.add(tableKey({ family, table }))
    if (kind === "map")
      maps.push({
        family,
        table,
        name: String(body.name),
        verdicts: words(body.map).includes("verdict"),
        elements: Array.isArray(body.elem) ? body.elem : undefined,
      })
  }
  return { tables, chains, rules, maps, furnished }
}

function baseHook(chain: Record<string, unknown>): BaseHook | undefined {
  if (typeof chain.hook !== "string") return undefined
  return {
    type: String(chain.type),
    hook: chain.hook,
    priority: Number(chain.prio ?? 0),
    policy: chain.policy === "drop" ? "drop" : "accept",
    devices: words(chain.dev ?? chain.devs),
  }
}

/** nft writes one word as a string and several as an array. */
function words(value: unknown): string[] {
  if (value === undefined || value === null) return []
  return (Array.isArray(value) ? value : [value]).map(String)
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
