import { Fault } from "../../../errors.ts"
import { groupOfAll, isGroupWord } from "../../../secrets/fleet/group-name.ts"
import { nearWord } from "../../terminal/near-word.ts"
import type { KeptHost } from "./kept-records.ts"

/** The most groups that a hint names. */
const mostNamed = 20

/**
 * The members of a group in the order of `kept`; of `@all` all that are kept.
 * @param word `@GROUP`
 * @throws Fault `usage` for a group that no host is in; the hint names one that is called nearly so, or those that there are
 */
export function membersOf(kept: readonly KeptHost[], word: string): KeptHost[] {
  if (!isGroupWord(word))
    throw new Fault("usage", `"${word}" is no group: @GROUP is wanted`, { hint: `@${word}` })
  const group = word.slice(1)
  const members = kept.filter(({ record }) => isMember(record, group))
  if (members.length > 0) return members
  throw new Fault(
    "usage",
    group === groupOfAll ? "no host is kept here" : `no host that is kept here is in ${word}`,
    {
      hint: hintFor(kept, group),
    },
  )
}

/** Every host is one of all. */
export function isMember(record: KeptHost["record"], group: string): boolean {
  return group === groupOfAll || (record?.groups?.includes(group) ?? false)
}

/** The groups that the hosts are in; `all` is none of them. */
export function groupsOf(kept: readonly KeptHost[]): ReadonlySet<string> {
  return new Set(kept.flatMap(({ record }) => record?.groups ?? []))
}

function hintFor(kept: readonly KeptHost[], group: string): string {
  const groups = [...groupsOf(kept)].sort()
  const near = nearWord(group, groups)
  if (near !== undefined) return `did you mean @${near}?`
  if (groups.length === 0) return "`fw-knock hosts import` makes groups"
  const more = groups.length > mostNamed ? ` and ${groups.length - mostNamed} more` : ""
  return `there are ${groups
    .slice(0, mostNamed)
    .map((name) => `@${name}`)
    .join(", ")}${more}`
}
