import type { Case, CaseResult, Effort, Row } from "../case.ts"
import { ours } from "../contenders/ours.ts"
import { said } from "../deadline.ts"
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
  { rules: 100_000, chains: 2_000, elements: 50_000 },
]

/** The common lockout at the largest size, in milliseconds. */
const promisedMs = 10

/** What came of one trial: an opening, or why there was none to time. */
type Trial = Opening | { readonly failed: string }

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
    const unarmed: Row[] = []
    try {
      for (const ruleset of rulesets)
        for (const size of sizes) {
          effort.say(`${ruleset.name}, ${nameOf(size)}: loading and arming`)
          try {
            const stage = await armOnStage(ours, { prepare: ({ server }) => ruleset.load(server, size) })
            entries.push({ ruleset, size, stage })
          } catch (thrown) {
            unarmed.push({ ...rowOf({ ruleset, size }, []), reason: `could not be armed: ${said(thrown)}` })
          }
        }
      return resultOf(await open(entries, effort), unarmed)
    } finally {
      for (const { stage } of entries) await stage.lab.close()
    }
  },
}

function open(entries: readonly Entry[], { quick, say }: Effort): Promise<Map<Entry, Trial[]>> {
  return interleave(
    entries,
    quick ? 2 : 8,
    async ({ ruleset, size, stage }, round) => {
      const trial = await attempt(stage, ruleset)
      const told = "failed" in trial ? trial.failed : (trial.openedMs?.toFixed(2) ?? "not open")
      say(`${ruleset.name}, ${nameOf(size)}, ${round + 1}: ${told}`)
      return trial
    },
    (trial) => "failed" in trial || trial.openedMs === undefined,
  )
}

async function attempt(stage: ArmedStage, ruleset: Ruleset): Promise<Trial> {
  try {
    return await timeOpening(stage, ({ server }) => ruleset.lock(server))
  } catch (thrown) {
    return { failed: said(thrown) }
  }
}

function rowOf({ ruleset, size }: Pick<Entry, "ruleset" | "size">, trials: readonly Trial[]): Row {
  const samples = trials.flatMap((trial) => ("failed" in trial ? [] : (trial.openedMs ?? [])))
  const failed = trials.flatMap((trial) => ("failed" in trial ? trial.failed : []))[0]
  return {
    variant: ruleset.name,
    contender: nameOf(size),
    unit: "ms",
    samples,
    failures: trials.length - samples.length,
    ...(failed === undefined ? {} : { reason: failed }),
    // Ratios are to the smallest size.
    isOurs: size === sizes[0],
  }
}

function resultOf(trials: ReadonlyMap<Entry, readonly Trial[]>, unarmed: readonly Row[]): CaseResult {
  const measured = [...trials].map(([entry, all]) => rowOf(entry, all))
  const rows = rulesets.flatMap(({ name }) =>
    [...measured, ...unarmed].filter(({ variant }) => variant === name),
  )
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
