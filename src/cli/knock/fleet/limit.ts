import { Fault } from "../../../errors.ts"
import { groupOfAll, isGroupWord } from "../../../secrets/fleet/group-name.ts"
import { canonicalAddress, namesOf } from "../../../secrets/host-records.ts"
import { isMember } from "../known-hosts/groups.ts"
import type { KnownHost } from "../known-hosts/known-hosts.ts"

/** One part of `--limit`: `web1`, `web*`, `@GROUP`, or one of these behind `!`. */
interface Part {
  readonly text: string
  readonly excludes: boolean
  readonly fits: (host: KnownHost) => boolean
  /** One host has to fit it, so that a typing error shows. */
  readonly isExact: boolean
}

/**
 * The hosts that `--limit` leaves of those that were chosen: any that fits one part, or all where every part excludes; and
 * of these none that fits a part behind `!`. The order of the parts does not matter. A name fits in any of the ways that
 * the host goes by here, whatever its case; `*` stands for any letters, `?` for one.
 * @param pattern parts with commas between them
 * @param groups all that there are
 * @throws Fault `usage` for a part that is none, a group that there is not, a name that no chosen host has, and where nothing
 *   is left
 */
export function limited(
  hosts: readonly KnownHost[],
  pattern: string,
  groups: ReadonlySet<string>,
): KnownHost[] {
  const parts = pattern.split(",").map((text) => partOf(text.trim(), groups))
  for (const part of parts)
    if (part.isExact && !hosts.some(part.fits))
      throw new Fault("usage", `--limit: none of the ${hosts.length} hosts is "${part.text}"`)
  const excluding = parts.filter((part) => part.excludes)
  const including = parts.filter((part) => !part.excludes)
  const left = hosts.filter(
    (host) =>
      (including.length === 0 || including.some(({ fits }) => fits(host))) &&
      !excluding.some(({ fits }) => fits(host)),
  )
  if (left.length > 0) return left
  throw new Fault("usage", `--limit ${pattern} leaves none of ${hosts.length} hosts`)
}

function partOf(text: string, groups: ReadonlySet<string>): Part {
  const excludes = text.startsWith("!")
  const wanted = excludes ? text.slice(1) : text
  if (isGroupWord(wanted)) {
    const group = wanted.slice(1)
    if (group !== groupOfAll && !groups.has(group))
      throw new Fault("usage", `--limit: no host that is kept here is in ${wanted}`, {
        hint: "`fw-knock hosts list` shows the groups",
      })
    const fits = ({ record }: KnownHost): boolean => isMember(record, group)
    return { text: wanted, excludes, fits, isExact: false }
  }
  if (wanted === "" || /[\s!@]/.test(wanted)) throw noPart(text)
  const isExact = !/[*?]/.test(wanted)
  const same = isExact ? isSame(wanted) : isLike(wanted)
  return { text: wanted, excludes, fits: (host) => callingsOf(host).some(same), isExact }
}

const noPart = (text: string): Fault =>
  new Fault(
    "usage",
    `--limit: "${text}" is no part of it: names, web*, @GROUP, and !NAME are, with commas between`,
  )

function isSame(wanted: string): (calling: string) => boolean {
  const canonical = canonicalAddress(wanted)
  return (calling) => canonicalAddress(calling) === canonical
}

function isLike(wanted: string): (calling: string) => boolean {
  const letters = wanted
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, ".*")
    .replaceAll("?", ".")
  const pattern = new RegExp(`^${letters}$`, "i")
  return (calling) => pattern.test(calling)
}

const callingsOf = ({ target, name, record }: KnownHost): string[] => [
  target.host,
  name,
  ...(record === undefined ? [] : namesOf(record)),
]
