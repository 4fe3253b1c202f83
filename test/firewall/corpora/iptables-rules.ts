import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** Rules of one `extensions/*.t` file of iptables' source that are meant to load. */
export interface RuleFile {
  /** "libxt_hashlimit". */
  readonly name: string
  /** Commands that make what its rules refer to. */
  readonly before: readonly string[]
  readonly rules: readonly TestRule[]
}

export interface TestRule {
  readonly file: string
  readonly table: string
  readonly chain: string
  readonly text: string
}

export const backends = ["nft", "legacy"] as const
export const toolNames = ["iptables", "ip6tables", "arptables", "ebtables"] as const

/** Which of iptables and its kin understand the rules of a file. */
export function toolsOf(file: string): readonly (typeof toolNames)[number][] {
  if (file.startsWith("libipt_")) return ["iptables"]
  if (file.startsWith("libip6t_")) return ["ip6tables"]
  if (file.startsWith("libarpt_")) return ["arptables"]
  if (file.startsWith("libebt_")) return ["ebtables"]
  return ["iptables", "ip6tables"]
}

/** Reads all of them; the format is that of iptables-test.py: `:CHAINS`, `*table`, `@command`, `%command`, `rule;saved;OK`. */
export function readRuleFiles(source: string): RuleFile[] {
  const folder = join(source, "extensions")
  return readdirSync(folder)
    .filter((name) => name.endsWith(".t"))
    .sort()
    .map((name) => readRuleFile(name.slice(0, -2), readFileSync(join(folder, name), "utf8")))
}

function readRuleFile(file: string, text: string): RuleFile {
  const before: string[] = []
  const rules: TestRule[] = []
  let chains: string[] = []
  let table = "filter"
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue
    const rest = line.slice(1).trim()
    if (line.startsWith(":")) chains = rest.split(",")
    else if (line.startsWith("*")) table = rest
    else if (/^[@%]/.test(line)) {
      if (!/ (del|-D) /.test(rest)) before.push(rest)
    } else {
      const [rule = "", , result = ""] = line.split(";")
      if (result.trim() !== "FAIL")
        rules.push(...chains.map((chain) => ({ file, table, chain, text: rule.trim() })))
    }
  }
  return { name: file, before, rules }
}
