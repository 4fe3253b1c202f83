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
  const members =
    group === groupOfAll ? [...kept] : kept.filter(({ record }) => record?.groups?.includes(group))
  if (members.length > 0) return members
  throw new Fault(
    "usage",
    group === groupOfAll ? "no host is kept here" : `no host that is kept here is in ${word}`,
    {
      hint: hintFor(kept, group),
    },
  )
}

function hintFor(kept: readonly KeptHost[], group: string): string {
  const groups = [...new Set(kept.flatMap(({ record }) => record?.groups ?? []))].sort()
  const near = nearWord(group, groups)
  if (near !== undefined) return `did you mean @${near}?`
  if (groups.length === 0) return "`fw-knock hosts import` makes groups"
  const more = groups.length > mostNamed ? ` and ${groups.length - mostNamed} more` : ""
  return `there are ${groups
    .slice(0, mostNamed)
    .map((name) => `@${name}`)
    .join(", ")}${more}`
}
