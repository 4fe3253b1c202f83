import { type Lockout, lockouts } from "../../lab/lockouts.ts"
import type { Case, Effort, Row, Target } from "../case.ts"
import type { Contender } from "../contenders/contender.ts"
import { oldRecipe } from "../contenders/old-recipe.ts"
import { ours } from "../contenders/ours.ts"
import { contenders } from "../contenders/table.ts"
import { interleave } from "../interleave.ts"
import { type Opening, timeOpening } from "../open-trial.ts"
import { type ArmedStage, armOnStage } from "../stage.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

/** The lockouts of this case by their names in the lab, and which `iptables` a machine with such a firewall has. */
const variants = [
  { lockout: "iptables-nft policy DROP", iptables: "iptables-nft" },
  { lockout: "native nft inet policy drop", iptables: "iptables-nft" },
  { lockout: "iptables-legacy policy DROP", iptables: "iptables-legacy" },
] as const

/** The median that was promised, in milliseconds, and how much faster than the old recipe. */
const promisedMs = 2
const promisedRatio = 20

export const timeToOpen: Case = {
  name: "time-to-open",
  title: "Time to open: from the knock on the wire to the first packet let through",
  async run(effort) {
    const rows: Row[] = []
    for (const { lockout: name, iptables } of variants) {
      const lockout = lockouts.find((one) => one.name === name)
      if (lockout === undefined) throw new Error(`the lab has no lockout "${name}"`)
      rows.push(...(await oneLockout(lockout, iptables, effort)))
    }
    return { rows, targets: targets(rows) }
  },
}

async function oneLockout(lockout: Lockout, iptables: string, { quick, say }: Effort): Promise<Row[]> {
  const stages = new Map<Contender, ArmedStage>()
  try {
    for (const contender of contenders)
      if (contender.missing() === undefined) stages.set(contender, await armOnStage(contender, iptables))
    const results = await interleave(
      [...stages.keys()],
      quick ? 4 : 25,
      async (contender, round) => {
        const opening = await timeOpening(stages.get(contender) as ArmedStage, ({ server }) =>
          lockout.apply(server),
        )
        say(`${lockout.name}, ${contender.name}, ${round + 1}: ${opening.openedMs?.toFixed(2) ?? "not open"}`)
        return opening
      },
      ({ openedMs }) => openedMs === undefined,
    )
    return contenders.map((contender) => rowOf(lockout, contender, results.get(contender)))
  } finally {
    for (const { lab } of stages.values()) await lab.close()
  }
}

function rowOf(lockout: Lockout, contender: Contender, openings: readonly Opening[] = []): Row {
  const missing = contender.missing()
  const opened = openings.filter(({ openedMs }) => openedMs !== undefined)
  const failures = openings.length - opened.length
  const reason = missing ?? (failures > 0 && opened.length === 0 ? "does not open it" : undefined)
  return {
    variant: lockout.name,
    contender: contender.name,
    unit: "ms",
    samples: opened.map(({ openedMs }) => openedMs ?? Number.NaN),
    failures,
    ...(reason === undefined ? {} : { reason }),
    isOurs: contender === ours,
    facts:
      opened.length === 0
        ? {}
        : {
            "resolution ms": figure(median(opened.map(({ resolutionMs }) => resolutionMs)) ?? 0),
            "knocks seen": Math.max(...opened.map(({ knocks }) => knocks)),
          },
  }
}

function targets(rows: readonly Row[]): Target[] {
  return variants.slice(0, 2).flatMap(({ lockout }) => {
    const of = (name: string): number | undefined =>
      median(rows.find(({ variant, contender }) => variant === lockout && contender === name)?.samples ?? [])
    const own = of(ours.name)
    const recipe = of(oldRecipe.name)
    const promised: Target[] = [
      {
        what: `${lockout}: median at most ${promisedMs} ms`,
        met: own !== undefined && own <= promisedMs,
        figure: own === undefined ? "never" : `${figure(own)} ms`,
      },
    ]
    // A lockout that the recipe does not open has no ratio.
    if (own !== undefined && recipe !== undefined)
      promised.push({
        what: `${lockout}: at most 1/${promisedRatio} of the old recipe's`,
        met: own * promisedRatio <= recipe,
        figure: `1/${figure(recipe / own)}`,
      })
    return promised
  })
}
