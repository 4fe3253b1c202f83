import { Fault } from "../../errors.ts"
import { compareSnapshots } from "../../firewall/snapshot/compare.ts"
import { nftWhere } from "../../firewall/snapshot/nft-table.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import type { InputWords } from "./input-words.ts"

/**
 * Refuses a change that makes, or changes, tables that no tool prints whole: they could be put in force by running the script and
 * in no other way, and not be taken back.
 * @param before what is in force
 * @param result what the copy held when the input had run in it; what no tool prints whole was not in it
 * @throws Fault `refused` naming them
 */
export function refuseUnloadable(
  before: Snapshot,
  result: Snapshot,
  candidate: Snapshot,
  { named, emptied }: InputWords,
): void {
  const words = [...named, ...emptied].map((word) => `nft ${word} `)
  const lost = new Map([
    ...unloadable(before).filter(([where]) => words.some((word) => word.startsWith(`${where} `))),
    ...[result, candidate].flatMap((after) => changed(before, after)),
  ])
  if (lost.size === 0) return
  const which = [...lost].map(([where, why]) => `${where} (${why})`)
  throw new Fault("refused", `cannot change a table that no tool prints whole: ${which.join("; ")}`, {
    hint: "nothing was changed; write these rules in another way, such as for nft, or run them by hand",
  })
}

/** The tables that no view restores, and why. */
function unloadable({ nftTables }: Snapshot): [string, string][] {
  return nftTables
    .filter(({ view }) => view === "none")
    .map((copy) => [nftWhere(copy), copy.why ?? "no view of it can be loaded"])
}

/** Those of either side that are there and not as they were. */
function changed(before: Snapshot, after: Snapshot): [string, string][] {
  const all = [...unloadable(before), ...unloadable(after)]
  if (all.length === 0) return []
  const there = new Set(after.nftTables.map(nftWhere))
  const differing = new Set(compareSnapshots(before, after, "ignored").map(({ where }) => where))
  return all.filter(([where]) => differing.has(where) && there.has(where))
}
