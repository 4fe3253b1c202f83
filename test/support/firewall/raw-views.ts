import { join } from "node:path"
import { structuredPatch } from "diff"
import type { Host } from "../lab/lab.ts"

/** What every tool prints of the rules in force, by the command that printed it. */
export type RawViews = ReadonlyMap<string, string>

const kernelBytes = join(import.meta.dirname, "kernel-bytes.py")

/** Its save is a script that asks the other backend. */
const arptablesLegacy = "arptables-legacy -n -v -L"

const commands = [
  "nft -s list ruleset",
  "nft list ruleset",
  "nft list hooks",
  "iptables-nft-save -c",
  "ip6tables-nft-save -c",
  "arptables-nft-save -c",
  "ebtables-nft-save -c",
  "iptables-legacy-save -c",
  "ip6tables-legacy-save -c",
  arptablesLegacy,
  "ipset -sorted save",
]

/** Asked for a table that the kernel does not hold, it would make one. */
const onlyIfThere = ["sh", "-c", `grep -qs . /proc/net/arp_tables_names || exit 0; ${arptablesLegacy}`]

/**
 * The text itself, and no reading of this project's own: nothing is left out but dates, what time takes from elements, and the
 * order of elements in sets, which the kernel draws anew for each hash table.
 */
export function rawViews(host: Host): RawViews {
  const views = commands.map((command): [string, string] => {
    const { code, stdout } = host.try(command === arptablesLegacy ? onlyIfThere : command.split(" "))
    // What stands before the crash depends on the order of tables.
    return [
      command,
      code < 0 ? "(it crashed)" : `${still(stdout)}${code === 0 ? "" : `(ended with ${code})`}`,
    ]
  })
  return new Map([...views, ["kernel bytes", host.run(["python3", kernelBytes])]])
}

/** The views in which a counter shows, without it. */
export function uncounted(views: RawViews): RawViews {
  const texts = [...views].filter(([command]) => /^ipset|-(save|L)\b|^nft -s|^nft list hooks/.test(command))
  const without = (text: string): string =>
    text.replace(/\[\d+:\d+\]/g, "[0:0]").replace(/\b(\d+ packets, \d+ bytes|pcnt=\S+ -- bcnt=\S+)/g, "")
  return new Map(texts.map(([command, text]) => [command, without(text)]))
}

/** The rules alone: no counters, nothing that a set's hash begins with, no time that elements have left. */
export function rulesInForce(host: Host): RawViews {
  const still = (text: string): string =>
    text.replace(/ (?:hashsize|bucketsize|initval) \S+/g, "").replace(/^(add .* timeout) \d+/gm, "$1")
  return new Map([...uncounted(rawViews(host))].map(([command, text]) => [command, still(text)]))
}

/** By command, the lines that are not the same, as a patch without context. */
export function rawDifferences(before: RawViews, after: RawViews): Map<string, string[]> {
  const differences = new Map<string, string[]>()
  for (const [command, was] of before) {
    const is = after.get(command) ?? ""
    if (was === is) continue
    const [wasSorted, isSorted] = [inSomeOrder(was), inSomeOrder(is)]
    if (wasSorted === isSorted) differences.set(`${command}, order`, patch(heads(was), heads(is)))
    else differences.set(command, patch(wasSorted, isSorted))
  }
  return differences
}

/** The lines that open a table, chain or set. */
function heads(text: string): string {
  return text
    .split("\n")
    .filter((line) => /^(table|create|\t\w+ \S+ \{$|\*|:)/.test(line))
    .join("\n")
}

function patch(was: string, is: string): string[] {
  return structuredPatch("", "", was, is, "", "", { context: 0 }).hunks.flatMap(({ lines }) => lines)
}

/** The same with tables, IP sets, and chains and sets within tables, by name: rules stay in their order. */
function inSomeOrder(text: string): string {
  if (text.startsWith("create "))
    return text
      .split(/(?<=\n)(?=create )/)
      .sort()
      .join("")
  const save = /^\*\w+$/m.test(text)
  const tables = save ? text.split(/(?<=^COMMIT\n)/m) : text.split(/(?<=^\}\n)/m)
  return tables
    .map((table) => (save ? saveInOrder(table) : table.replace(/^table .*\n([\s\S]*)^\}\n/m, listingInOrder)))
    .sort()
    .join("")
}

function listingInOrder(table: string, body: string): string {
  const blocks = body.replace(/\n$/, "").split(/(?<=^\t\})\n+/m)
  return table.replace(
    body,
    () =>
      `${blocks
        .map((block) => block.trimEnd())
        .sort()
        .join("\n\n")}\n`,
  )
}

function saveInOrder(table: string): string {
  const lines = table.split("\n")
  const chainOf = (line: string): string => /^(?:\[\d+:\d+\] )?-A (\S+)/.exec(line)?.[1] ?? ""
  const heads = lines.filter((line) => line.startsWith(":")).sort()
  const rules = lines
    .filter((line) => chainOf(line) !== "")
    .sort((a, b) => (chainOf(a) < chainOf(b) ? -1 : chainOf(a) > chainOf(b) ? 1 : 0))
  const rest = lines.filter((line) => !line.startsWith(":") && chainOf(line) === "")
  return [...rest.slice(0, 1), ...heads, ...rules, ...rest.slice(1)].join("\n")
}

function still(text: string): string {
  return (
    text
      // A legacy table cannot be removed: an empty one is what "none" looks like.
      .replace(/^\*\w+\n(?::\w+ ACCEPT \[0:0\]\n)+COMMIT\n/gm, "")
      .replace(/^(?:Chain \w+ \(policy ACCEPT 0 packets, 0 bytes\)\n*){3}$/, "")
      .replace(/^# (Generated|Completed) .*\n/gm, "")
      .replace(/ expires \w+/g, "")
      .replace(/\{ ([^{}]*) \}/g, (_, elements: string) => `{ ${sorted(elements)} }`)
      .replace(/elements = \{ ([^{}]*)\}/g, (_, elements: string) => `elements = { ${sorted(elements)} }`)
  )
}

function sorted(elements: string): string {
  const parts = elements.match(/(?:"[^"]*"|[^",])+/g) ?? []
  return parts
    .map((part) => part.trim().replace(/\s+/g, " "))
    .sort()
    .join(", ")
}
