import type { SaveSection } from "./save-text.ts"

/** The text of `ipset save` (ipset(8)): `create NAME TYPE options`, then `add NAME element options`. */

/** One IP set: its type and options, and its elements. */
export interface IpsetCopy {
  readonly name: string
  /** Everything behind `create NAME `: the type and its options. */
  readonly header: string
  /** Everything behind `add NAME `, one an element. */
  readonly elements: readonly string[]
  /** A change has written into it: of its elements each counts (written-sets.ts). */
  readonly written?: true
}

/** The set that a changed set is filled under before the two are swapped. ipset names have at most 31 characters. */
export const swapName = "fw-watchdog-swap"

/**
 * Takes a save apart. Names stand in it without quotes, whatever is in them, so the type tells where one ends.
 * @returns undefined for a text that is no whole save: cut off, or not ipset's
 */
export function parseIpsets(text: string): IpsetCopy[] | undefined {
  if (text !== "" && !text.endsWith("\n")) return undefined
  const sets = new Map<string, { name: string; header: string; elements: string[] }>()
  let last: { name: string; elements: string[] } | undefined
  for (const line of text.split("\n")) {
    const [, name, header] = /^create (.+?) ((?:bitmap|hash|list):.*)$/.exec(line) ?? []
    if (name !== undefined && header !== undefined) {
      last = { name, elements: [] }
      if (name !== swapName) sets.set(name, { ...last, header: header.trim() })
      last = sets.get(name) ?? last
      continue
    }
    if (line === "") continue
    const of: { name: string; elements: string[] } | undefined = line.startsWith(`add ${last?.name} `)
      ? last
      : [...sets.values()].find((set) => line.startsWith(`add ${set.name} `))
    if (of === undefined) return undefined
    of.elements.push(line.slice(`add ${of.name} `.length).trim())
  }
  return [...sets.values()]
}

/** Tells whether `ipset restore` can be told this name: it takes quotes around one, and nothing for a quote in it. */
export function canQuote(name: string): boolean {
  return !name.includes('"')
}

/** A name as `ipset restore` takes it (ipset.c, build_argv). */
function quoted(name: string): string {
  return /[\s']/.test(name) ? `"${name}"` : name
}

/** A name as a rule of iptables-restore has it (xshared.c, add_param_to_argv). */
function quotedInRule(name: string): string {
  return /[\s'"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name
}

/** iptables-save prints names of sets without quotes, and then cannot read them back. */
export function withQuotedSets(section: SaveSection, sets: readonly IpsetCopy[]): SaveSection {
  const odd = sets.map(({ name }) => name).filter((name) => quotedInRule(name) !== name)
  if (odd.length === 0) return section
  const rules = section.rules.map((rule) =>
    odd.reduce(
      (text, name) =>
        text.replaceAll(
          new RegExp(`( --(?:match|add|del|map)-set )${escaped(name)}(?= )`, "g"),
          (_, option: string) => option + quotedInRule(name),
        ),
      rule,
    ),
  )
  return { ...section, rules }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
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
  if (moving === "ignored" && set.written !== true && changesByItself(set)) return [header]
  const still = (element: string): string =>
    moving === "exact" ? element.replace(/ timeout \d+/, "") : stillElement(element)
  return [header, ...set.elements.map((element) => `holds ${still(element)}`).sort()]
}

/** True with a default timeout: elements come and go by themselves; their remaining time moves between any two looks. */
export function changesByItself({ header }: IpsetCopy): boolean {
  return / timeout /.test(header)
}

/** An element without what it has counted and how long it has left. */
export function stillElement(element: string): string {
  return element.replace(/ timeout \d+/, "").replace(/ packets \d+ bytes \d+/, "")
}

/** The elements of a set, and when each goes by itself. */
export function setElements({ elements }: IpsetCopy): { still: string; leftMs: number | undefined }[] {
  return elements.map((element) => {
    const left = Number(/ timeout (\d+)/.exec(element)?.[1] ?? 0)
    // 0 is for good.
    return { still: stillElement(element), leftMs: left === 0 ? undefined : left * 1000 }
  })
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
    const name = present.has(set.name) ? swapName : quoted(set.name)
    lines.push(`create ${name} ${set.header}`, ...set.elements.map((element) => `add ${name} ${element}`))
    if (name === swapName) lines.push(`swap ${swapName} ${quoted(set.name)}`, `destroy ${swapName}`)
  }
  return lines.map((line) => `${line}\n`).join("")
}

/** True when this rule of a save uses one of the sets: `-m set --match-set`, `-j SET --add-set` and its kin. */
export function usesIpset(rule: string, names: ReadonlySet<string>): boolean {
  for (const [, bare = ""] of rule.matchAll(/--(?:match|add|del|map)-set ("(?:[^"\\]|\\.)*"|\S+)/g)) {
    const name = bare.startsWith('"') ? bare.slice(1, -1).replace(/\\(.)/g, "$1") : bare
    if (names.has(name)) return true
  }
  return false
}
