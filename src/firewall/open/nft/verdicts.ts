import {
  droppingTargets,
  type JudgedRule,
  type Judgement,
  judge,
  type Verdict,
} from "../reachable-verdicts.ts"
import type { NftRule, NftTable } from "./listing.ts"

/** Statements after which the packet is gone: nft(8), VERDICT, REJECT, QUEUE, SYNPROXY and FWD STATEMENT. */
const droppingStatements: ReadonlySet<string> = new Set(["drop", "reject", "queue", "synproxy", "fwd"])

/** Judges the base chains of one table, one at a time. */
export interface NftJudge {
  base(chain: string): Judgement<NftRule>
}

/** Judges a table. A rule that looks into a verdict map whose elements were not listed counts as dropping. */
export function judgeNft(table: NftTable): NftJudge {
  const maps = new Map(table.verdictMaps.map(({ name, elements }) => [name, elements]))
  const byName = new Map(table.chains.map((chain) => [chain.name, chain]))
  // 20 000 rules in chains that nothing leads to are not read at all.
  const chains = { get: (name: string) => byName.get(name)?.rules.map((rule) => judgeRule(rule, maps)) }
  return { base: (chain) => judge(chains, chain) }
}

const quoted = /"(?:[^"\\]|\\.)*"/g
/** Statements that hold no condition, as they stand once quoted text is emptied. */
const unconditional =
  /\b(counter( packets \d+ bytes \d+| name "")?|log( (prefix ""|level \w+|group \d+|snaplen \d+|queue-threshold \d+|flags \w+))*|notrack|comment ""|xt match "?comment"?)/g
/** One verdict and nothing in front of it. */
const bareVerdict =
  /^(drop|accept|return|continue|reject( with .*)?|queue( .*)?|synproxy( .*)?|fwd to .*|(jump|goto) \S+)?$/

const anything: readonly Verdict[] = [{ kind: "drop" }]

function judgeRule(rule: NftRule, maps: ReadonlyMap<string, string | undefined>): JudgedRule<NftRule> {
  const bare = rule.text.replace(/ ?# handle \d+/g, "").replace(quoted, '""')
  const named = /\bvmap @(\S+)/.exec(bare)?.[1]
  const elements = named === undefined ? undefined : maps.get(named)
  const verdicts = [
    ...verdictsIn(bare),
    ...(named === undefined ? [] : elements === undefined ? anything : verdictsIn(elements)),
  ]
  // A quoted target name was emptied above.
  const target = /\bxt target "?([A-Za-z0-9_]+)/i.exec(rule.text)?.[1]
  if (target !== undefined && droppingTargets.has(target)) verdicts.push({ kind: "drop" })
  const rest = bare.replace(unconditional, "").replace(/\s+/g, " ").trim()
  return { rule, verdicts, always: bareVerdict.test(rest) || /^xt target "?\w*"?$/.test(rest) }
}

/** Every verdict in nft's text; words are only words outside of quotes. */
function verdictsIn(text: string): Verdict[] {
  const words = text.replace(quoted, '""').match(/[^\s{},;]+|[{}]/g) ?? []
  const verdicts: Verdict[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ""
    if (droppingStatements.has(word)) verdicts.push({ kind: "drop" })
    else if (word === "accept" || word === "return") verdicts.push({ kind: word })
    else if (word === "jump" || word === "goto") {
      index += 1
      const chain = words[index] ?? ""
      // The rules of an anonymous chain stand in the text themselves.
      if (chain !== "{") verdicts.push({ kind: word, chain })
    }
  }
  return verdicts
}
