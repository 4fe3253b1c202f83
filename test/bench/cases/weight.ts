import type { Case, Effort, Row } from "../case.ts"
import type { Contender } from "../contenders/contender.ts"
import { ours } from "../contenders/ours.ts"
import { contenders } from "../contenders/table.ts"
import { pause } from "../pause.ts"
import { type Weight, weigh, weightAlone } from "../processes.ts"
import { type ArmedStage, armOnStage } from "../stage.ts"
import { figure } from "../table.ts"

/** What happens while arming is over by then. */
const restMs = 5000

export const weight: Case = {
  name: "weight",
  title: "Weight while armed, all processes together",
  async run({ quick, say }: Effort) {
    const rows: Row[] = []
    // One after the other: two of a kind at the same time would share, and look lighter than they are.
    for (const contender of contenders) {
      const reason = contender.missing()
      if (reason !== undefined) {
        rows.push({ ...row(contender, "memory, proportional", "MB", undefined), reason })
        continue
      }
      const stage = await armOnStage(contender, "iptables-nft")
      try {
        say(`${contender.name}: idle for ${quick ? 10 : 60} s`)
        rows.push(...(await weighIdle(stage, quick ? 10 : 60)))
      } finally {
        await stage.lab.close()
      }
    }
    const order = [...new Set(rows.map(({ variant }) => variant))]
    return { rows: order.flatMap((variant) => rows.filter((one) => one.variant === variant)), targets: [] }
  },
}

async function weighIdle({ contender, pids }: ArmedStage, idleSeconds: number): Promise<Row[]> {
  await pause(restMs)
  const weighed = (): Weight[] => pids().flatMap((pid) => weigh(pid) ?? [])
  const before = new Map(weighed().map(({ pid, cpuMs }) => [pid, cpuMs]))
  await pause(idleSeconds * 1000)
  const after = weighed()
  const sum = (of: (one: Weight) => number): number => after.reduce((total, one) => total + of(one), 0)
  const each = (of: (one: Weight) => number): Record<string, string> => {
    const names = new Map<string, number[]>()
    for (const one of after) names.set(one.name, [...(names.get(one.name) ?? []), of(one)])
    return Object.fromEntries(
      [...names].map(([name, figures]) => [`${name}:`, figures.map(figure).join(" + ")]),
    )
  }
  // A child that came and went in between has been counted with its parent, which waited for it.
  const used = ({ pid, cpuMs }: Weight): number => (cpuMs - (before.get(pid) ?? 0)) / idleSeconds / 10
  const mb = (kb: number): number => kb / 1024
  return [
    row(
      contender,
      "memory, proportional",
      "MB",
      mb(sum(({ pssKb }) => pssKb)),
      each(({ pssKb }) => mb(pssKb)),
    ),
    row(contender, "memory, were it alone", "MB", mb(weightAlone(after.map(({ pid }) => pid)))),
    row(
      contender,
      "memory, private",
      "MB",
      mb(sum(({ privateKb }) => privateKb)),
      each(({ privateKb }) => mb(privateKb)),
    ),
    row(contender, `processor, ${idleSeconds} s idle`, "% of a core", sum(used), each(used)),
    row(contender, "processes", "", after.length),
    row(
      contender,
      "file descriptors",
      "",
      sum(({ descriptors }) => descriptors),
    ),
  ]
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
