import { isAsleep, type NftTableCopy, tableId } from "./nft-table.ts"
import { type BaseHook, hookPlaces, readHook } from "./text/base-hook.ts"
import type { NftBlock } from "./text/nft-text.ts"

/** By place ("ip input 0"), the base chains that run there, as "ip filter INPUT", in the order they were registered: the last runs first. */
export type HookOrder = ReadonlyMap<string, readonly string[]>

/** Tables, and what the kernel says of the order of their chains, where it does. */
interface Registered {
  readonly nftTables: readonly NftTableCopy[]
  readonly hooks?: Readonly<Record<string, readonly string[]>>
}

/** A base chain of a table, and the places where it runs. */
interface Placed {
  readonly chain: string
  readonly places: readonly string[]
}

/** The base chains of a table in the order in which making it, or waking it, registers them. */
export function placedChains(copy: NftTableCopy): Placed[] {
  return (copy.listed?.blocks ?? []).flatMap((block) => {
    const base = block.kind === "chain" ? hookOf(block) : undefined
    if (base === undefined) return []
    return [{ chain: `${tableId(copy)} ${block.name}`, places: hookPlaces(copy.family, base) }]
  })
}

/** The hook of a chain: among its first three lines, so that 20 000 rules behind it are not taken apart. */
export function hookOf({ lines }: NftBlock): BaseHook | undefined {
  return readHook(lines.slice(0, 3).join("\n"))
}

/**
 * The chains at each place. Where the kernel tells their order (`nft list hooks`), that one; else the order of the tables and their
 * chains, which is that of their birth: right unless somebody added a chain to an older table, or woke one that slept.
 */
export function registeredChains({ nftTables, hooks }: Registered): HookOrder {
  const places = new Map<string, string[]>()
  for (const copy of nftTables.filter((one) => !isAsleep(one)))
    for (const { chain, places: own } of placedChains(copy))
      for (const place of own) places.set(place, [...(places.get(place) ?? []), chain])
  return new Map([...places].map(([place, chains]) => [place, asTold(chains, hooks?.[place])]))
}

/** The places where chains of more than one table run: only there anybody can notice the order. */
export function sharedPlaces(order: HookOrder): HookOrder {
  return new Map([...order].filter(([, chains]) => new Set(chains.map(tableOf)).size > 1))
}

/** "ip filter" of "ip filter INPUT". */
export function tableOf(chain: string): string {
  return chain.slice(0, chain.lastIndexOf(" "))
}

function asTold(chains: string[], told: readonly string[] | undefined): string[] {
  if (told === undefined || !chains.every((chain) => told.includes(chain))) return chains
  return chains.sort((a, b) => told.indexOf(a) - told.indexOf(b))
}

/**
 * Reads `nft list hooks`, which a kernel with CONFIG_NETFILTER_NETLINK_HOOK answers: the chains of each place in the order in which
 * they run, turned round to that of their registration. Chains of type nat are not in it.
 *
 *     family ip {
 *     	hook input {
 *     		 0000000000 chain inet fw input [nf_tables]
 */
export function parseHooks(text: string): Record<string, string[]> {
  const places: Record<string, string[]> = {}
  let family = ""
  let hook = ""
  for (const line of text.split("\n")) {
    const opened = /^family (\S+)/.exec(line)
    if (opened) family = opened[1] ?? ""
    const inner = /^\thook (\S+)/.exec(line)
    if (inner) hook = inner[1] ?? ""
    const [, sign = "", digits, chain] =
      /^\t\t\s*([+-]?)0*(\d+) chain (\S+ \S+ \S+) \[nf_tables\]/.exec(line) ?? []
    if (digits === undefined || chain === undefined) continue
    const place = `${family} ${hook} ${sign === "-" ? -Number(digits) : Number(digits)}`
    places[place] = [chain, ...(places[place] ?? [])]
  }
  return places
}
