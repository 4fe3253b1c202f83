import { families, isIpFamily, toolName } from "../../tools/table.ts"
import { expectedChains } from "../nft-table.ts"
import { readTimeoutMs, type SnapshotDeps } from "../reading.ts"
import type { NftTableText } from "../text/nft-text.ts"
import { isWholeSave, parseSave, type SaveSection } from "../text/save-text.ts"

/** The saves of these families by iptables-nft-save and its kin. One that fails, or is not whole, is not there. */
export async function readSaves(
  deps: SnapshotDeps,
  wanted: ReadonlySet<string>,
): Promise<Map<string, SaveSection[]>> {
  const saves = new Map<string, SaveSection[]>()
  for (const family of families) {
    const path = deps.tools[toolName("nft", family, "save")]
    if (path === undefined || !wanted.has(family)) continue
    const saved = await deps.run({ path, args: ["-c"], timeoutMs: readTimeoutMs })
    if (saved.ok && isWholeSave(saved.stdout, family)) saves.set(family, parseSave(saved.stdout))
  }
  return saves
}

/**
 * A save refuses a whole table for one rule that it cannot print. The chains that hold no such rule can still be listed
 * one by one; these are all that `both` needs.
 */
export async function saveByChain(
  deps: SnapshotDeps,
  table: NftTableText,
  chains: readonly string[],
): Promise<SaveSection | undefined> {
  const path = isIpFamily(table.family) ? deps.tools[toolName("nft", table.family, "command")] : undefined
  if (path === undefined || expectedChains(table) === undefined || chains.length === 0) return undefined
  const rules: string[] = []
  const names = table.blocks.filter((block) => block.kind === "chain").map((block) => block.name)
  for (const chain of chains) {
    const args = ["-t", table.name, "-v", "-S", chain]
    const listed = await deps.run({ path, args, timeoutMs: readTimeoutMs })
    if (!listed.ok) return undefined
    const own = listed.stdout.split("\n").filter((line) => line.startsWith("-A "))
    rules.push(...own.map((line) => line.replace(/^(.*?) -c (\d+) (\d+)((?: -[jg] .*)?)$/, "[$2:$3] $1$4")))
  }
  const builtin = new Set(expectedChains(table))
  const policy = (name: string): string => (builtin.has(name) ? "ACCEPT" : "-")
  return { table: table.name, chains: names.map((name) => `:${name} ${policy(name)} [0:0]`), rules }
}
