import { noWords } from "../../src/apply/candidate/input-words.ts"
import { Kept } from "../../src/apply/candidate/kept.ts"
import { madeBy } from "../../src/apply/candidate/made.ts"
import type { Snapshot } from "../../src/firewall/snapshot/snapshot.ts"
import { emptySnapshot } from "./made-snapshots.ts"

const emptied = new Set([
  "nft",
  "ipset",
  ...["ip filter", "ip nat", "ip mangle", "ip raw"].flatMap(bothBackends),
])

function bothBackends(table: string): string[] {
  return [table, `legacy ${table}`]
}

/** An input that empties all and names only these, on a machine whose rules are of known programs or of earlier changes. */
export function keeping(before: Snapshot, ...named: readonly string[]): Kept {
  const made = new Set(madeBy(emptySnapshot, before, noWords, new Set()))
  return new Kept({ named: new Set(named), emptied }, made)
}
