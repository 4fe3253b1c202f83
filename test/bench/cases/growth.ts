import type { Case, CaseResult, Effort, Row } from "../case.ts"
import { ours } from "../contenders/ours.ts"
import { interleave } from "../interleave.ts"
import { type Opening, timeOpening } from "../open-trial.ts"
import { type Ruleset, rulesets, type Size } from "../rulesets.ts"
import { type ArmedStage, armOnStage } from "../stage.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

const sizes: readonly Size[] = [
  { rules: 10, chains: 1, elements: 10 },
  { rules: 1_000, chains: 50, elements: 5_000 },
  { rules: 20_000, chains: 500, elements: 50_000 },
]

/** The common lockout at the largest size, in milliseconds. */
const promisedMs = 10

/** One ruleset of one size, and ours armed on a server that has it. */
interface Entry {
  readonly ruleset: Ruleset
  readonly size: Size
  readonly stage: ArmedStage
}

export const growth: Case = {
  name: "growth",
  title: "Growth: time to open with more rules, chains and set elements loaded",
  async run(effort) {
    const entries: Entry[] = []
    try {
      for (const ruleset of rulesets)
        for (const size of sizes) {
          effort.say(`${ruleset.name}, ${nameOf(size)}: loading and arming`)
          const load = ({ server }: Pick<ArmedStage, "server">): void => ruleset.load(server, size)
          entries.push({ ruleset, size, stage: await armOnStage(ours, "iptables-nft", load) })
        }
      return resultOf(await open(entries, effort))
    } finally {
      for (const { stage } of entries) await stage.lab.close()
    }
  },
}

function open(entries: readonly Entry[], { quick, say }: Effort): Promise<Map<Entry, Opening[]>> {
  return interleave(entries, quick ? 3 : 15, async ({ ruleset, size, stage }, round) => {
    const opening = await timeOpening(stage, ({ server }) => ruleset.lock(server))
    const took = opening.openedMs?.toFixed(2) ?? "not open"
    say(`${ruleset.name}, ${nameOf(size)}, ${round + 1}: ${took}`)
    return opening
  })
}

function resultOf(openings: ReadonlyMap<Entry, readonly Opening[]>): CaseResult {
  const rows = [...openings].map(([{ ruleset, size }, all]): Row => {
    const samples = all.flatMap(({ openedMs }) => openedMs ?? [])
    return {
      variant: ruleset.name,
      contender: nameOf(size),
      unit: "ms",
      samples,
      failures: all.length - samples.length,
      // Ratios are to the smallest size.
      isOurs: size === sizes[0],
    }
  })
  const common = rows.findLast(({ variant }) => variant === rulesets[0].name)
  const largest = median(common?.samples ?? [])
  return {
    rows,
    targets: [
      {
        what: `${rulesets[0].name}, the largest: under ${promisedMs} ms`,
        met: common?.failures === 0 && largest !== undefined && largest < promisedMs,
        figure: largest === undefined ? "never" : `${figure(largest)} ms`,
      },
    ],
  }
}

const nameOf = ({ rules, chains, elements }: Size): string =>
  `${rules} rules, ${chains} chains, ${elements} elements`
