import type { SaveSection } from "./save-text.ts"

/**
 * Reads `arptables-legacy -t filter -L -n -v` into a section. Its own save script asks the other backend and saves
 * nothing (arptables 0.0.5), so the listing is the only view; it is written in the options that arptables takes, but
 * for `-i *`, `-o *` and the counters, which it rounds above 99999 (`5000M`): those come back rounded.
 */
export function parseArptablesListing(table: string, listing: string): SaveSection {
  const chains: string[] = []
  const rules: string[] = []
  let chain = ""
  for (const line of listing.split("\n")) {
    const builtin = /^Chain (\S+) \(policy (\S+)/.exec(line)
    const own = /^Chain (\S+) \(\d+ references\)/.exec(line)
    if (builtin || own) {
      chain = (builtin ?? own)?.[1] ?? ""
      chains.push(builtin ? `:${chain} ${builtin[2]}` : `:${chain} -`)
      continue
    }
    const rule = /^(.*), pcnt=(\d+[KMGT]?) -- bcnt=(\d+[KMGT]?)\s*$/.exec(line)
    if (!rule) continue
    const options = (rule[1] ?? "").replace(/(^| )-[io] \*(?= |$)/g, "").trim()
    rules.push(`[${unrounded(rule[2])}:${unrounded(rule[3])}] -A ${chain} ${options}`.trimEnd())
  }
  return { table, chains, rules }
}

function unrounded(text = "0"): string {
  const factor = { K: 1e3, M: 1e6, G: 1e9, T: 1e12 }[text.slice(-1)]
  return String(factor === undefined ? Number(text) : Number(text.slice(0, -1)) * factor)
}

/** Reads `ebtables-legacy -t TABLE -L --Lc` into a section, for the same reason as above. */
export function parseEbtablesListing(table: string, listing: string): SaveSection {
  const chains: string[] = []
  const rules: string[] = []
  let chain = ""
  for (const line of listing.split("\n")) {
    const opened = /^Bridge chain: (\S+), entries: \d+, policy: (\S+)/.exec(line)
    if (opened) {
      chain = opened[1] ?? ""
      chains.push(`:${chain} ${opened[2]}`)
      continue
    }
    const rule = /^(-.*?) ?, pcnt = (\d+) -- bcnt = (\d+)\s*$/.exec(line)
    if (rule) rules.push(`[${rule[2]}:${rule[3]}] -A ${chain} ${rule[1]}`)
  }
  return { table, chains, rules }
}

/**
 * The commands that load a section into arptables-legacy, which has no working restore either: a script for sh that
 * stops at the first failure. Policies come last, so that the door is not shut before its rules are there.
 */
export function arptablesCommands(path: string, section: SaveSection): string {
  const run = (options: string): string => `${path} -t ${section.table} ${options}`
  const chains = section.chains.map((line) => line.slice(1).split(" "))
  const own = chains.filter(([, policy]) => policy === "-").map(([name]) => run(`-N ${quoted(name ?? "")}`))
  const policies = chains
    .filter(([, policy]) => policy !== "-")
    .map(([name, policy]) => run(`-P ${name} ${policy}`))
  const rules = section.rules.map((rule) => {
    const counted = /^\[(\d+):(\d+)\] (.*)$/.exec(rule)
    const [packets, bytes, options] = counted ? counted.slice(1) : ["0", "0", rule]
    return run(`${(options ?? "").split(" ").map(quoted).join(" ")} -c ${packets} ${bytes}`)
  })
  return `${["set -e", run("-F"), run("-X"), ...own, ...rules, ...policies].join("\n")}\n`
}

function quoted(word: string): string {
  return /^[\w./:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
