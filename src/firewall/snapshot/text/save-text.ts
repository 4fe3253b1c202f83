import { type Family, isIpFamily } from "../../tools/table.ts"

/**
 * The text of `*-save`, in the iptables dialect (iptables-save(8)): a section a table, `*name`, `:CHAIN POLICY [p:b]`,
 * `[p:b] -A CHAIN ...`, `COMMIT`. The arp and bridge tools print the same without COMMIT and without chain counters.
 */

/** One table of a save. */
export interface SaveSection {
  readonly table: string
  /** `:CHAIN POLICY` with or without counters, as printed. */
  readonly chains: readonly string[]
  /** `-A CHAIN ...`, with the counters in front (`[p:b] `) where they were asked for. */
  readonly rules: readonly string[]
}

const ipChains: Readonly<Record<string, readonly string[]>> = {
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
  mangle: ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
  raw: ["PREROUTING", "OUTPUT"],
  security: ["INPUT", "FORWARD", "OUTPUT"],
}

/** The chains that each table of iptables and its kin is born with; a policy belongs to these only. */
export const builtinChains: Readonly<Record<Family, Readonly<Record<string, readonly string[]>>>> = {
  ip: ipChains,
  ip6: ipChains,
  arp: { filter: ["INPUT", "OUTPUT", "FORWARD"] },
  bridge: {
    filter: ["INPUT", "FORWARD", "OUTPUT"],
    nat: ["PREROUTING", "OUTPUT", "POSTROUTING"],
    broute: ["BROUTING"],
  },
}

/** Takes a save apart. Comments and warnings are passed over. */
export function parseSave(text: string): SaveSection[] {
  const sections: { table: string; chains: string[]; rules: string[] }[] = []
  for (const line of text.split("\n")) {
    const section = sections.at(-1)
    if (line.startsWith("*")) sections.push({ table: line.slice(1).trim(), chains: [], rules: [] })
    else if (section === undefined) continue
    else if (line.startsWith(":")) section.chains.push(line.trim())
    else if (/^(\[\d+:\d+\] )?-A /.test(line)) section.rules.push(line.trimEnd())
  }
  return sections
}

/**
 * True for a save that came out whole: nothing in it but sections and comments, and each section of the iptables dialect with
 * its COMMIT. A tool that crashed, or is something else, prints other texts, sometimes with exit code 0.
 */
export function isWholeSave(text: string, family: Family): boolean {
  if (text !== "" && !text.endsWith("\n")) return false
  const lines = text.split("\n")
  if (!lines.every((line) => /^($|[#*:]|COMMIT$|(\[\d+:\d+\] )?-A )/.test(line))) return false
  const count = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length
  return !isIpFamily(family) || count(/^\*/) === count(/^COMMIT$/)
}

/** The name in a `:CHAIN POLICY` line. */
export function chainNameOf(line: string): string {
  return line.slice(1).split(" ")[0] ?? ""
}

/** The chain that a rule line is appended to. */
export function chainOfRule(line: string): string {
  return /^(?:\[\d+:\d+\] )?-A (\S+)/.exec(line)?.[1] ?? ""
}

/** A section as text for iptables-restore and its kin; with `-c` they take the counters in front of the rules. */
export function renderSection(section: SaveSection): string {
  return `${[`*${section.table}`, ...section.chains, ...section.rules, "COMMIT"].join("\n")}\n`
}

/**
 * The same for arptables-nft-restore and ebtables-nft-restore 1.8.9, which ignore or refuse counters in front of a
 * rule and take them behind it, as the option `-c PACKETS BYTES`.
 */
export function renderSectionCountersBehind(section: SaveSection): string {
  const rules = section.rules.map((rule) => rule.replace(/^\[(\d+):(\d+)\] (.*)$/, "$3 -c $1 $2"))
  const chains = section.chains.map((line) => line.replace(/ \[\d+:\d+\]$/, ""))
  return `${[`*${section.table}`, ...chains, ...rules].join("\n")}\n`
}

/** The section that means "no rules here": every policy ACCEPT, nothing else. Loading nothing would change nothing. */
export function emptySection(table: string, builtin: readonly string[]): SaveSection {
  return { table, chains: builtin.map((chain) => `:${chain} ACCEPT [0:0]`), rules: [] }
}

/** True for a section without effect: no rule, no chain of its own, every policy ACCEPT. */
export function isEmptySection({ rules, chains }: SaveSection): boolean {
  // In ebtables a user's own chain has a policy too.
  return (
    rules.length === 0 && chains.every((line) => / ACCEPT( |$)/.test(line) && born.has(chainNameOf(line)))
  )
}

const born = new Set(Object.values(builtinChains).flatMap((tables) => Object.values(tables).flat()))

/** A section as lines that are equal when the tables are; `ignored` leaves counters out. */
export function canonicalSection(section: SaveSection, moving: "exact" | "ignored"): string[] {
  const still = (line: string): string => (moving === "exact" ? line : withoutCounters(line))
  const rules = new Map<string, string[]>()
  for (const rule of section.rules) {
    const chain = chainOfRule(rule)
    const own = rules.get(chain)
    if (own === undefined) rules.set(chain, [still(rule)])
    else own.push(still(rule))
  }
  const chains = section.chains.map((line) => {
    // One string a chain: the order of its rules is what decides.
    const name = chainNameOf(line)
    const own = rules.get(name) ?? []
    rules.delete(name)
    return [still(line), ...own].join("\n")
  })
  return [...chains, ...[...rules.values()].map((own) => own.join("\n"))].sort()
}

function withoutCounters(line: string): string {
  return line.replace(/^\[\d+:\d+\] /, "").replace(/^(:.*) \[\d+:\d+\]$/, "$1")
}

export function rulesByChain(saved: SaveSection): Map<string, string[]> {
  const chains = new Map<string, string[]>()
  for (const rule of saved.rules) {
    const chain = chainOfRule(rule)
    const own = chains.get(chain)
    if (own === undefined) chains.set(chain, [rule])
    else own.push(rule)
  }
  return chains
}
