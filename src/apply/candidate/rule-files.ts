import { planRestore } from "../../firewall/restore/plan/plan.ts"
import type { RestoreStep } from "../../firewall/restore/plan/steps.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { type ToolPaths, tools } from "../../firewall/tools/table.ts"

/** A file of rules, in the words of the tool that loads it. */
export interface RuleFile {
  /** "ipsets", "ip6tables-nft.rules", "rules.nft", ...; in the order of loading. */
  readonly name: string
  readonly text: string
  /** How to load it: `iptables-nft-restore -c <iptables-nft.rules`. */
  readonly load: string
}

/** The programs by the names that an administrator knows. */
const toolNames: ToolPaths = Object.fromEntries(tools.map(({ name }) => [name, name]))

const nothing: Snapshot = {
  version: 1,
  takenAtMs: 0,
  reason: "",
  ipsets: [],
  nftTables: [],
  legacyTables: [],
  unread: [],
}

/**
 * A ruleset as files: the very texts by which it is applied to a machine without rules. Each begins with a comment that
 * says how to load it. Tables that a program owns, and those that no tool can load, are in none.
 */
export function ruleFiles(rules: Snapshot): readonly RuleFile[] {
  const { steps } = planRestore(nothing, { ...rules, unread: [] }, toolNames)
  const taken = new Set<string>()
  return steps.map((step) => {
    const name = freeName(fileName(step), taken)
    taken.add(name)
    const load = step.command.includes("{file}")
      ? step.command.map((word) => (word === "{file}" ? name : word)).join(" ")
      : `${step.command.join(" ")} <${name}`
    return { name, text: `# ${step.label}: ${load}\n${step.input}`, load }
  })
}

function fileName({ command: [program = "", ...args] }: RestoreStep): string {
  if (program === "ipset") return "ipsets"
  if (program === "nft") return "rules.nft"
  // arptables-legacy has no working restore: commands for sh.
  return args.includes("{file}") ? "arptables-legacy.sh" : `${program.replace(/-restore$/, "")}.rules`
}

/** nft takes up to three, each a transaction of its own. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let number = 2; ; number++) {
    const free = number === 2 ? name : name.replace(/(\.\w+)?$/, `-${number - 1}$1`)
    if (!taken.has(free)) return free
  }
}
