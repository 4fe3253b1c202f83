import {
  droppingTargets,
  type JudgedRule,
  type Judgement,
  judge,
  type Verdict,
} from "../reachable-verdicts.ts"

/** One table as `iptables -S` prints it. */
export interface LegacyTable {
  /** Policies of the builtin chains. */
  readonly policies: ReadonlyMap<string, string>
  /** `-A CHAIN ...` lines, as printed. */
  readonly rules: readonly string[]
}

/** Reads the lines of `-S`: `-P CHAIN POLICY`, `-N CHAIN`, `-A CHAIN ...` (iptables(8), --list-rules). */
export function parseLegacyRules(text: string): LegacyTable {
  const policies = new Map<string, string>()
  const rules: string[] = []
  for (const line of text.split("\n")) {
    const policy = /^-P (\S+) (\S+)/.exec(line)
    if (policy?.[1] && policy[2]) policies.set(policy[1], policy[2])
    else if (line.startsWith("-A ")) rules.push(line.trimEnd())
  }
  return { policies, rules }
}

/** Judges one builtin chain. */
export function judgeLegacy(table: LegacyTable, chain: string): Judgement<string> {
  const own = new Set(table.rules.map((rule) => rule.split(" ")[1] ?? ""))
  const chains = new Map<string, JudgedRule<string>[]>()
  for (const rule of table.rules) {
    const name = rule.split(" ")[1] ?? ""
    const rules = chains.get(name) ?? []
    chains.set(name, rules)
    rules.push(judgeRule(rule, own))
  }
  return judge(chains, chain)
}

/** `-j` stands outside of quotes; a comment may hold anything inside of them. */
const quoted = /"(?:[^"\\]|\\.)*"/g
const unconditional = /^-A \S+(?: -m comment --comment \S+)?(?: -[jg] .*)?$/

function judgeRule(rule: string, chains: ReadonlySet<string>): JudgedRule<string> {
  const bare = rule.replace(quoted, '""')
  const [, how, target = ""] = / -([jg]) (\S+)/.exec(bare) ?? []
  return { rule, verdicts: verdictsOf(how, target, chains), always: unconditional.test(bare) }
}

function verdictsOf(how: string | undefined, target: string, chains: ReadonlySet<string>): Verdict[] {
  if (how === undefined) return []
  if (how === "g") return [{ kind: "goto", chain: target }]
  if (droppingTargets.has(target)) return [{ kind: "drop" }]
  if (target === "ACCEPT") return [{ kind: "accept" }]
  if (target === "RETURN") return [{ kind: "return" }]
  return chains.has(target) ? [{ kind: "jump", chain: target }] : []
}
