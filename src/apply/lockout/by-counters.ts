import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import type { SaveSection } from "../../firewall/snapshot/text/save-text.ts"
import { isIpFamily, toolName } from "../../firewall/tools/table.ts"
import { chainOf, ruleOnly } from "./by-trace.ts"

/** Targets of iptables-extensions(8) after which a packet is gone. */
const stopping = /(^| )-j (DROP|REJECT|TARPIT|STEAL)\b/

/**
 * The rule that stopped packets between two snapshots of the same rules, by its counter; a chain's policy where no rule
 * did. For what no trace shows: the legacy tables, and all where nft is missing.
 */
export function stoppedByCounters(before: Snapshot, after: Snapshot): string | undefined {
  const sections = (snapshot: Snapshot): Map<string, SaveSection> => {
    const found = new Map<string, SaveSection>()
    for (const { backend, section } of snapshot.legacyTables)
      found.set(`${backend} ${section.table}`, section)
    for (const { family, name, saved } of snapshot.nftTables)
      if (saved !== undefined && isIpFamily(family))
        found.set(`${toolName("nft", family, "command")} ${name}`, saved)
    return found
  }
  const earlier = sections(before)
  const later = [...sections(after)]
  for (const [where, section] of later) {
    const rule = section.rules.find(
      (line, place) => stopping.test(line) && packets(line) > packets(earlier.get(where)?.rules[place]),
    )
    if (rule !== undefined) return `${where} ${chainOf(rule)}: ${ruleOnly(rule)}`
  }
  for (const [where, section] of later) {
    const chain = section.chains.find(
      (line, place) => / DROP\b/.test(line) && packets(line) > packets(earlier.get(where)?.chains[place]),
    )
    if (chain !== undefined) return `${where} ${/^:(\S+)/.exec(chain)?.[1]}: policy DROP`
  }
  return undefined
}

function packets(line: string | undefined): number {
  return Number(/\[(\d+):\d+\]/.exec(line ?? "")?.[1] ?? 0)
}
