import type { Snapshot } from "../snapshot/snapshot.ts"
import { chainText } from "../snapshot/text/nft-text.ts"
import { rulesByChain, type SaveSection } from "../snapshot/text/save-text.ts"
import { toolName, toolNamed } from "../tools/table.ts"

/** A chain of any backend, its rules as text. */
export interface ChainRules {
  readonly name: string
  readonly rules: readonly string[]
  /** The declaration of a base chain of nf_tables; empty for every other. */
  readonly declaration: string
}

/** A table of any backend, in the dialect of iptables or of nft. */
export interface TableRules {
  /** "nft inet x", "iptables-legacy nat". */
  readonly where: string
  readonly dialect: "iptables" | "nft"
  readonly name: string
  readonly chains: readonly ChainRules[]
}

/** The rules for IP of a snapshot, each table in one dialect: a save where iptables made the table, else the listing. */
export function ruleTexts({
  nftTables,
  legacyTables,
}: Pick<Snapshot, "nftTables" | "legacyTables">): TableRules[] {
  const ofNft = nftTables
    .filter(({ family }) => ["ip", "ip6", "inet"].includes(family))
    .map(({ family, name, view, saved, listed }): TableRules => {
      if (saved !== undefined && (view === "iptables" || listed === undefined)) {
        const backend = toolName("nft", family === "ip6" ? "ip6" : "ip", "command")
        return { where: `${backend} ${name}`, dialect: "iptables", name, chains: savedChains(saved) }
      }
      const chains = (listed?.blocks ?? [])
        .filter(({ kind }) => kind === "chain")
        .map((block) => {
          const { declaration, rules } = chainText(block)
          return { name: block.name, rules, declaration: declaration.join(" ").trim() }
        })
      return { where: `nft ${family} ${name}`, dialect: "nft", name, chains }
    })
  const ofLegacy = legacyTables
    .filter(({ backend }) => ["ip", "ip6"].includes(toolNamed(backend).family))
    .map(({ backend, section }): TableRules => {
      const where = `${backend} ${section.table}`
      return { where, dialect: "iptables", name: section.table, chains: savedChains(section) }
    })
  return [...ofNft, ...ofLegacy]
}

function savedChains(section: SaveSection): ChainRules[] {
  return [...rulesByChain(section)].map(([name, lines]) => ({
    name,
    rules: lines.map((line) => line.replace(/^(?:\[\d+:\d+\] )?-A \S+ ?/, "")),
    declaration: "",
  }))
}

const quoted = /"(?:[^"\\]|\\.)*"/g

/** A rule without the text inside of quotes, where words mean nothing. */
export const withoutQuotes = (rule: string): string => rule.replace(quoted, '""')

/** A rule on one line, short enough to be read. */
export const shownRule = (rule: string): string => {
  const line = rule
    .replace(/counter packets \d+ bytes \d+ /, "")
    .replace(/\s+/g, " ")
    .trim()
  return line.length > 120 ? `${line.slice(0, 117)}...` : line
}
