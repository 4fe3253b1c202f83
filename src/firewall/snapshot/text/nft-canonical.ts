import { chainText, type NftBlock, type NftTableText } from "./nft-text.ts"

/**
 * The parts of a ruleset that move by themselves: counters, used quotas, remaining times, and the elements that packets
 * or time add and remove. `exact` keeps what stands still without traffic: counters and elements, but never the
 * remaining time of an element, which moves between any two looks.
 */
export type Moving = "exact" | "ignored"

/**
 * A table as lines that are equal when the tables are: parts sorted by name, elements sorted, rules in their order.
 * A line names its part, so a difference can be shown as it is.
 */
export function canonicalTable(table: NftTableText, moving: Moving): string[] {
  const attributes = table.attributes.map((line) => (line.startsWith("flags ") ? sortedFlags(line) : line))
  const blocks = table.blocks.flatMap((block) => canonicalBlock(block, moving)).sort()
  return [...attributes, ...blocks]
}

const opening = "elements = {"

/** True for a set that packets and time add to and take from. */
export function isMoving({ kind, lines }: NftBlock): boolean {
  if (kind === "chain") return false
  // In front of its elements, of which there may be many.
  const flags = lines.slice(0, 12).find((line) => /^\s*flags /.test(line)) ?? ""
  return /\b(dynamic|timeout)\b/.test(flags)
}

/** The elements of a set or map, as printed. */
export function elementTexts({ lines }: NftBlock): string[] {
  const joined = lines.map((line) => line.trim()).join(" ")
  const at = joined.indexOf(opening)
  return at < 0 ? [] : splitElements(joined.slice(at + opening.length, joined.lastIndexOf("}")))
}

/** The same set or map with these elements. */
export function withElements(block: NftBlock, elements: readonly string[]): NftBlock {
  const at = block.lines.findIndex((line) => line.trim().startsWith(opening))
  const declaration = at < 0 ? block.lines : block.lines.slice(0, at)
  const held = elements.length === 0 ? [] : [`\t\t${opening} ${elements.join(", ")} }`]
  return { ...block, lines: [...declaration, ...held] }
}

/** An element of a set without what it has counted, and without the time that it has left. */
export function stillElement(element: string): string {
  return still(element, "ignored")
}

/** One part of a table in that form. */
export function canonicalBlock(block: NftBlock, moving: Moving): string[] {
  const head = `${block.kind} ${block.name}`
  if (block.kind === "chain") {
    const { declaration, rules } = chainText(block)
    const lines = rules.map((rule) => still(rule.replace(/\n\t+/g, "\n"), moving))
    const declared = declaration.map((line) => sortedList(line.trim(), "devices"))
    // One string a chain: the order of its rules is what decides.
    return [[head, ...declared, ...lines].join("\n")]
  }
  const joined = block.lines.map((line) => line.trim()).join(" ")
  const at = joined.indexOf(opening)
  const rest = at < 0 ? joined : joined.slice(0, at)
  const lines = [`${head}: ${still(sortedList(rest.trim(), "devices"), moving)}`]
  if (at < 0) return lines
  if (moving === "ignored" && block.written !== true && isMoving(block)) return lines
  return [...lines, ...elementTexts(block).map((element) => `${head} holds ${still(element, moving)}`)]
}

/** An element of a set: its text, whatever it has counted, and when it goes by itself. */
export interface BlockElement {
  readonly still: string
  readonly leftMs: number | undefined
}

/** The elements of a set or map, and when each goes by itself. */
export function blockElements(block: NftBlock): BlockElement[] {
  return elementTexts(block).map((element) => {
    const expires = / expires ([0-9a-z]+)/.exec(element)?.[1]
    return {
      still: stillElement(element),
      leftMs: expires === undefined ? undefined : durationMs(expires),
    }
  })
}

/** "1d2h3m4s5ms", as nft prints it. */
function durationMs(text: string): number {
  const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
  return [...text.matchAll(/(\d+)(ms|[dhms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units],
    0,
  )
}

function still(text: string, moving: Moving): string {
  const timeless = sortedAnonymous(text.replace(/ expires [0-9a-z]+/g, ""))
  if (moving === "exact") return timeless
  return timeless.replace(/\bpackets \d+ bytes \d+/g, "packets * bytes *").replace(/ used \d+ \w+/g, "")
}

/** The elements of anonymous sets and maps in the order of their text: the kernel gives them in the order of a hash. */
function sortedAnonymous(text: string): string {
  if (!text.includes("{ ")) return text
  let out = ""
  let from = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') quoted = !quoted
    if (quoted || text[at] !== "{") continue
    const end = closingBrace(text, at)
    const inner = text.slice(at + 1, end)
    if (end < 0 || inner.includes("\n")) continue
    out += `${text.slice(from, at)}{ ${splitElements(inner).sort().join(", ")} }`
    from = end + 1
    at = end
  }
  return out + text.slice(from)
}

function closingBrace(text: string, open: number): number {
  let depth = 0
  let quoted = false
  for (let at = open; at < text.length; at++) {
    const char = text[at]
    if (char === '"') quoted = !quoted
    else if (quoted) continue
    else if (char === "{") depth += 1
    else if (char === "}" && --depth === 0) return at
  }
  return -1
}

/** Splits at the commas that stand outside of quotes and braces. */
function splitElements(text: string): string[] {
  const elements: string[] = []
  let from = 0
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') quoted = !quoted
    else if (quoted) continue
    else if (char === "{") depth += 1
    else if (char === "}") depth -= 1
    else if (char === "," && depth === 0) {
      elements.push(text.slice(from, at).trim())
      from = at + 1
    }
  }
  elements.push(text.slice(from).trim())
  return elements.filter((element) => element !== "")
}

function sortedFlags(line: string): string {
  return `flags ${line
    .slice(6)
    .split(/[,\s]+/)
    .sort()
    .join(",")}`
}

function sortedList(line: string, word: string): string {
  return line.replace(new RegExp(`${word} = \\{([^}]*)\\}`), (_, list: string) => {
    const names = list
      .split(",")
      .map((name) => name.trim())
      .sort()
    return `${word} = { ${names.join(", ")} }`
  })
}
