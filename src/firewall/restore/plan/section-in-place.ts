import { stillSaved } from "../../snapshot/counters.ts"
import { chainNameOf, chainOfRule, rulesByChain, type SaveSection } from "../../snapshot/text/save-text.ts"

/**
 * Text for `iptables-restore --noflush` that turns a table that is there into the one wanted by writing only the chains that differ:
 * what another program writes into the others meanwhile stays, and they go on counting. May be run again after having been
 * cut off anywhere.
 * @param there the chains that are really there: a save of iptables-nft names built-in ones that are not
 * @param policies `changed`: only those that differ are set, since setting one makes iptables-nft count it from then on, where it
 *   did not (nf_tables_api.c, NFTA_CHAIN_COUNTERS)
 */
export function sectionInPlace(
  from: SaveSection,
  to: SaveSection,
  there: readonly string[],
  policies: "all" | "changed",
): string {
  const [old, wanted] = [rulesByChain(from), rulesByChain(to)]
  const still = (rules: readonly string[] | undefined): string => (rules ?? []).map(stillSaved).join("\n")
  const own = to.chains.map(chainNameOf)
  const differs = (name: string): boolean =>
    !there.includes(name) || still(old.get(name)) !== still(wanted.get(name))
  const changed = new Set(own.filter(differs))
  const gone = there.filter((name) => !own.includes(name))
  const known = from.chains.filter((line) => there.includes(chainNameOf(line)))
  const heads = to.chains.filter((line) =>
    isUserChain(line) ? changed.has(chainNameOf(line)) : policies === "all" || !isAsItIs(line, known),
  )
  const builtin = to.chains.filter((line) => !isUserChain(line)).map(chainNameOf)
  return `${[
    `*${to.table}`,
    // A line for a user's chain flushes one that is there, and makes one that is not: so this may be run in any state between the two.
    ...heads,
    ...gone.map((name) => `:${name} - [0:0]`),
    ...builtin.filter((name) => changed.has(name)).map((name) => `-F ${name}`),
    ...to.rules.filter((rule) => changed.has(chainOfRule(rule))),
    ...gone.map((name) => `-X ${name}`),
    "COMMIT",
  ].join("\n")}\n`
}

function isUserChain(line: string): boolean {
  return / -( |$)/.test(line)
}

function isAsItIs(line: string, there: readonly string[]): boolean {
  const bare = (one: string): string => one.replace(/ \[\d+:\d+\]$/, "")
  const now = there.find((one) => bare(one) === bare(line))
  return now !== undefined && (now === line || line.endsWith(" [0:0]"))
}
