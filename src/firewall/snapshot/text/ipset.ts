/** The text of `ipset save` (ipset(8)): `create NAME TYPE options`, then `add NAME element options`. */

/** One IP set: its type and options, and its elements. */
export interface IpsetCopy {
  readonly name: string
  /** Everything behind `create NAME `: the type and its options. */
  readonly header: string
  /** Everything behind `add NAME `, one an element. */
  readonly elements: readonly string[]
}

/** The set that a changed set is filled under before the two are swapped. ipset names have at most 31 characters. */
export const swapName = "fw-watchdog-swap"

/** Takes a save apart. */
export function parseIpsets(text: string): IpsetCopy[] {
  const sets = new Map<string, { name: string; header: string; elements: string[] }>()
  for (const line of text.split("\n")) {
    const [, verb, name, rest] = /^(create|add) (\S+) (.*)$/.exec(line) ?? []
    if (name === undefined || rest === undefined || name === swapName) continue
    if (verb === "create") sets.set(name, { name, header: rest.trim(), elements: [] })
    else sets.get(name)?.elements.push(rest.trim())
  }
  return [...sets.values()]
}

/** "hash:ip", "list:set", ... */
export function ipsetType(set: IpsetCopy): string {
  return set.header.split(" ")[0] ?? ""
}

/** True when the two can be swapped: the kernel wants the same type and family (ip_set_core.c, ip_set_swap). */
export function isSwappable(a: IpsetCopy, b: IpsetCopy): boolean {
  return ipsetType(a) === ipsetType(b) && familyOf(a) === familyOf(b)
}

function familyOf(set: IpsetCopy): string {
  return / family (\S+)/.exec(set.header)?.[1] ?? ""
}

/** A set as lines that are equal when the sets are. Table sizes and hash seeds are the kernel's own business. */
export function canonicalIpset(set: IpsetCopy, moving: "exact" | "ignored"): string[] {
  const header = set.header.replace(/ (hashsize|initval|bucketsize) \S+/g, "")
  // With a default timeout, elements come and go by themselves; their remaining time moves between any two looks.
  if (moving === "ignored" && / timeout /.test(header)) return [header]
  const still = (element: string): string => {
    const timeless = element.replace(/ timeout \d+/, "")
    return moving === "exact" ? timeless : timeless.replace(/ packets \d+ bytes \d+/, "")
  }
  return [header, ...set.elements.map((element) => `holds ${still(element)}`).sort()]
}

/** Lists of sets last: their members have to be there. */
function inCreationOrder(sets: readonly IpsetCopy[]): IpsetCopy[] {
  const isList = (set: IpsetCopy): number => (ipsetType(set) === "list:set" ? 1 : 0)
  return [...sets].sort((a, b) => isList(a) - isList(b))
}

/**
 * Text for `ipset restore -exist` that makes these sets exist as given. A set that is there already is filled beside
 * itself and swapped, so no packet ever meets it half full. It may be run again after having been cut off anywhere.
 * @param present the sets that are there under the same name and can be swapped
 */
export function renderIpsets(sets: readonly IpsetCopy[], present: ReadonlySet<string>): string {
  const lines: string[] = []
  for (const set of inCreationOrder(sets)) {
    const name = present.has(set.name) ? swapName : set.name
    lines.push(`create ${name} ${set.header}`, ...set.elements.map((element) => `add ${name} ${element}`))
    if (name === swapName) lines.push(`swap ${swapName} ${set.name}`, `destroy ${swapName}`)
  }
  return lines.map((line) => `${line}\n`).join("")
}

/** True when this rule of a save uses one of the sets: `-m set --match-set`, `-j SET --add-set` and its kin. */
export function usesIpset(rule: string, names: ReadonlySet<string>): boolean {
  for (const [, name] of rule.matchAll(/--(?:match|add|del|map)-set "?([^\s"]+)"?/g))
    if (name !== undefined && names.has(name)) return true
  return false
}
