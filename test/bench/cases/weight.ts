import { type Weight, weigh, weightAlone } from "../../support/processes.ts"
import type { Case, Effort, Row } from "../case.ts"
import type { Contender } from "../contenders/contender.ts"
import { ours } from "../contenders/ours.ts"
import { servers } from "../contenders/table.ts"
import { said } from "../deadline.ts"
import { pause } from "../pause.ts"
import { type ArmedStage, armAll, armOnStage } from "../stage.ts"
import { figure } from "../table.ts"

/** What is looked at after arming, in peace, is over by then (whether the way back would work, for one), and cleared away. */
const restMs = 40_000
/** Enough to see that it runs, with --quick. */
const quickRestMs = 5000

export const weight: Case = {
  name: "weight",
  title: "Weight while armed, all processes together",
  async run(effort) {
    const rows = [...(await memory(effort)), ...(await idleProcessor(effort))]
    const order = [...new Set(rows.map(({ variant }) => variant))]
    const own = rows.find(({ isOurs, unit }) => isOurs && unit === "% of a core")?.samples[0]
    return {
      rows: order.flatMap((variant) => rows.filter((one) => one.variant === variant)),
      targets: [
        {
          what: "idle processor time 0.0 % of a core",
          met: own !== undefined && own < 0.05,
          figure: own === undefined ? "not measured" : `${own.toFixed(2)} %`,
        },
      ],
    }
  },
}

/** One after the other: two of a kind at the same time would share, and look lighter than they are. */
async function memory({ quick, say }: Effort): Promise<Row[]> {
  const rows: Row[] = []
  for (const contender of servers)
    try {
      const reason = contender.missing()
      if (reason !== undefined) throw new Error(reason)
      const stage = await armOnStage(contender)
      try {
        await pause(quick ? quickRestMs : restMs)
        rows.push(...held(stage))
        say(`${contender.name}: weighed`)
      } finally {
        await stage.lab.close()
      }
    } catch (thrown) {
      rows.push({ ...row(contender, "memory, proportional", "MB", undefined), reason: said(thrown) })
    }
  return rows
}

function held({ contender, pids }: ArmedStage): Row[] {
  const now = pids().flatMap((pid) => weigh(pid) ?? [])
  const mb = (kb: number): number => kb / 1024
  const sum = (of: (one: Weight) => number): number => now.reduce((total, one) => total + of(one), 0)
  const proportional = (one: Weight): number => mb(one.pssKb)
  const own = (one: Weight): number => mb(one.privateKb)
  return [
    row(contender, "memory, proportional", "MB", sum(proportional), each(now, proportional)),
    row(contender, "memory, were it alone", "MB", mb(weightAlone(now.map(({ pid }) => pid)))),
    row(contender, "memory, private", "MB", sum(own), each(now, own)),
    row(contender, "processes", "", now.length),
    row(
      contender,
      "file descriptors",
      "",
      sum(({ descriptors }) => descriptors),
    ),
  ]
}

/** All at once: who is idle disturbs nobody. */
async function idleProcessor({ quick, say }: Effort): Promise<Row[]> {
  const seconds = quick ? 10 : 60
  const all = await armAll(servers)
  // Who could not be armed has a row of memory that says why.
  const stages = [...all.values()].filter((stage) => typeof stage !== "string")
  try {
    await pause(quick ? quickRestMs : restMs)
    say(`all idle for ${seconds} s`)
    const weighed = ({ pids }: ArmedStage): Weight[] => pids().flatMap((pid) => weigh(pid) ?? [])
    const before = stages.map((stage) => new Map(weighed(stage).map(({ pid, cpuMs }) => [pid, cpuMs])))
    await pause(seconds * 1000)
    return stages.map((stage, at) => {
      const after = weighed(stage)
      // A child that came and went in between has been counted with its parent, which waited for it.
      const used = ({ pid, cpuMs }: Weight): number => (cpuMs - (before[at]?.get(pid) ?? 0)) / seconds / 10
      const sum = after.reduce((total, one) => total + used(one), 0)
      return row(stage.contender, `processor, ${seconds} s idle`, "% of a core", sum, each(after, used))
    })
  } finally {
    for (const { lab } of stages) await lab.close()
  }
}

/** A figure for each program, those of one name together. */
function each(weights: readonly Weight[], of: (one: Weight) => number): Record<string, string> {
  const names = new Map<string, number[]>()
  for (const one of weights) names.set(one.name, [...(names.get(one.name) ?? []), of(one)])
  return Object.fromEntries(
    [...names].map(([name, figures]) => [
      figures.length === 1 ? `${name}:` : `${figures.length} of ${name}:`,
      figure(figures.reduce((sum, one) => sum + one, 0)),
    ]),
  )
}

function row(
  contender: Contender,
  variant: string,
  unit: string,
  value: number | undefined,
  facts: Readonly<Record<string, string>> = {},
): Row {
  return {
    variant,
    contender: contender.name,
    unit,
    samples: value === undefined ? [] : [value],
    failures: 0,
    isOurs: contender === ours,
    facts,
  }
}
