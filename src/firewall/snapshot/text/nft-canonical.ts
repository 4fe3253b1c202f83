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
  const at = joined.indexOf("elements = {")
  const rest = at < 0 ? joined : joined.slice(0, at)
  const lines = [`${head}: ${still(sortedList(rest.trim(), "devices"), moving)}`]
  if (at < 0) return lines
  if (moving === "ignored" && /\bflags [^;]*\b(dynamic|timeout)\b/.test(rest)) return lines
  const elements = splitElements(joined.slice(at + "elements = {".length, joined.lastIndexOf("}")))
  return [...lines, ...elements.map((element) => `${head} holds ${still(element, moving)}`)]
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
