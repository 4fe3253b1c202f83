import {
  backends,
  type RuleFile,
  readRuleFiles,
  type TestRule,
  toolNames,
  toolsOf,
} from "./iptables-rules.ts"

const batchSize = 75

/** Rules of iptables' own tests for one of its programs, few enough to be looked at. */
export interface Batch {
  /** "ip6tables-nft 1-75". */
  readonly name: string
  readonly program: string
  /** Commands that make what the rules refer to. */
  readonly before: readonly string[]
  /** A command each; not all of them load everywhere. */
  readonly commands: readonly string[]
  readonly rules: readonly TestRule[]
}

/** All rules of iptables' tests for every program that takes them, in both backends. */
export function batchesOf(source: string): Batch[] {
  const files = readRuleFiles(source)
  return backends.flatMap((backend) =>
    toolNames
      .filter((tool) => backend === "nft" || tool !== "ebtables")
      .flatMap((tool) =>
        batches(
          `${tool}-${backend}`,
          files.filter(({ name }) => toolsOf(name).includes(tool)),
        ),
      ),
  )
}

/** Rules in batches; each counts something else, so that a count that goes astray shows. */
function batches(program: string, files: readonly RuleFile[]): Batch[] {
  const rules = files.flatMap((file) => file.rules)
  const all: Batch[] = []
  for (let at = 0; at < rules.length; at += batchSize) {
    const batch = rules.slice(at, at + batchSize)
    const names = new Set(batch.map(({ file }) => file))
    const before = files.filter(({ name }) => names.has(name)).flatMap((file) => file.before)
    all.push({
      name: `${program} ${at + 1}-${at + batch.length}`,
      program,
      before: before.map((line) => line.replace(/^iptables /, `${program} `)),
      commands: batch.map(
        ({ table, chain, text }, index) =>
          `${program} -t ${table} -A ${chain} ${text} -c ${index + 1} ${60 * (index + 1)}`,
      ),
      rules: batch,
    })
  }
  return all
}
