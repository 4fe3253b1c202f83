import type { Case, Effort, Row } from "../case.ts"
import { ours } from "../contenders/ours.ts"
import { said } from "../deadline.ts"
import { type Opening, timeOpening } from "../open-trial.ts"
import { pause } from "../pause.ts"
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

/** No trial of one size begins later than this, but for the first two. */
const budgetMs = 30_000
/** Whoever watches 100 000 rules reads them for a minute after each change, and the lockout is one. */
const restMs = 300_000

/**
 * An open's snapshot is proven 3 s after it (src/guard/machine/transitions/open.ts). A knock that comes while the guard
 * starts a tool for that waits until it has started, which is 20 to 45 ms here: no open by whoever is locked out meets that.
 */
const provenAfterMs = 3500

/** What came of one trial: an opening, or why there was none to time. */
type Trial = Opening | { readonly failed: string }

/** A firewall of one size. */
interface Entry {
  readonly ruleset: Ruleset
  readonly size: Size
}

export const growth: Case = {
  name: "growth",
  title: "Growth: time to open with more rules, chains and set elements loaded",
  // One after the other: whoever watches very many rules keeps a processor busy for a while after each change of them.
  async run(effort) {
    const rows: Row[] = []
    for (const ruleset of rulesets)
      for (const size of effort.quick ? sizes.slice(0, -1) : sizes)
        rows.push(await measure({ ruleset, size }, effort))
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
  },
}

async function measure(entry: Entry, { quick, say }: Effort): Promise<Row> {
  const { ruleset, size } = entry
  const name = `${ruleset.name}, ${nameOf(size)}`
  const since = performance.now()
  let stage: ArmedStage
  try {
    stage = await armOnStage(ours, { restMs, prepare: ({ server }) => ruleset.load(server, size) })
  } catch (thrown) {
    say(`${name}: ${said(thrown)}`)
    return { ...rowOf(entry, []), reason: `could not be armed: ${said(thrown)}` }
  }
  try {
    say(`${name}: loaded and armed in ${figure((performance.now() - since) / 1000)} s`)
    const trials: Trial[] = []
    const until = performance.now() + budgetMs
    for (let round = 0; round < (quick ? 2 : 6) && (round < 2 || performance.now() < until); round += 1)
      trials.push(await attempt(stage, ruleset))
    const row = rowOf(entry, trials)
    say(`${name}: ${row.samples.map(figure).join(" ")}`)
    return row
  } finally {
    await stage.lab.close()
  }
}

async function attempt(stage: ArmedStage, ruleset: Ruleset): Promise<Trial> {
  try {
    const opening = await timeOpening(stage, ({ server }) => ruleset.lock(server))
    await pause(provenAfterMs)
    await stage.calm()
    return opening
  } catch (thrown) {
    return { failed: said(thrown) }
  }
}

function rowOf({ ruleset, size }: Entry, trials: readonly Trial[]): Row {
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

const nameOf = ({ rules, chains, elements }: Size): string =>
  `${rules} rules, ${chains} chains, ${elements} elements`
