import { type Lockout, lockouts } from "../../support/lab/lockouts.ts"
import type { Case, Effort, Row, Target } from "../case.ts"
import type { Contender } from "../contenders/contender.ts"
import { ours, oursOverTcp } from "../contenders/ours.ts"
import { contenders } from "../contenders/table.ts"
import { said } from "../deadline.ts"
import { interleave } from "../interleave.ts"
import { type Opening, timeOpening } from "../open-trial.ts"
import { type ArmedStage, armAll, armOnStage } from "../stage.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

/** The lockouts of this case by their names in the lab, and which `iptables` a machine with such a firewall has. */
const variants = [
  { lockout: "iptables-nft policy DROP", iptables: "iptables-nft" },
  { lockout: "iptables-legacy policy DROP", iptables: "iptables-legacy" },
  { lockout: "native nft inet policy drop", iptables: "iptables-nft" },
] as const

/** The median that was promised, in milliseconds. */
const promisedMs = 2

/** What a knock over TCP may take longer, in milliseconds. */
const promisedOfTcpMs = 0.3

/** What came of one trial: an opening, or why there was none to time. */
type Trial = Opening | { readonly failed: string }

export const timeToOpen: Case = {
  name: "time-to-open",
  title: "Time to open: knock's command -> packet on the wire -> first packet let through",
  async run(effort) {
    const rows: Row[] = []
    for (const { lockout: name, iptables } of variants) {
      const lockout = lockouts.find((one) => one.name === name)
      if (lockout === undefined) throw new Error(`the lab has no lockout "${name}"`)
      rows.push(...(await oneLockout(lockout, iptables, effort)), await firstOpens(lockout, iptables, effort))
    }
    return {
      rows,
      targets: variants.flatMap(({ lockout }) => [target(lockout, rows), roadTarget(lockout, rows)]),
    }
  },
}

async function oneLockout(lockout: Lockout, iptables: string, { quick, say }: Effort): Promise<Row[]> {
  const stages = await armAll(contenders, { iptables })
  try {
    const results = await interleave(
      [...stages.values()].filter((stage) => typeof stage !== "string"),
      {
        rounds: quick ? 2 : 21,
        budgetMs: 120_000,
        failed: (trial: Trial) => "failed" in trial || trial.openedMs === undefined,
      },
      async (stage, round) => {
        const { contender } = stage
        const trial = await oneTrial(stage, lockout)
        const told = "failed" in trial ? trial.failed : (trial.openedMs?.toFixed(2) ?? "not open")
        say(`${lockout.name}, ${contender.name}, ${round + 1}: ${told}`)
        return trial
      },
    )
    const rows = [...stages].map(([contender, stage]) =>
      typeof stage === "string"
        ? rowsOf(lockout, contender, [], stage)
        : rowsOf(lockout, contender, results.get(stage) ?? [], undefined),
    )
    return [...rows.map(([opening]) => opening), ...rows.map(([, whole]) => whole)]
  } finally {
    for (const stage of stages.values()) if (typeof stage !== "string") await stage.lab.close()
  }
}

/** The open that a session is for is its first: what a session costs that has never opened, for ours alone. */
async function firstOpens(lockout: Lockout, iptables: string, { quick, say }: Effort): Promise<Row> {
  const trials: Trial[] = []
  for (let session = 0; session < (quick ? 2 : 11); session++) {
    const stage = await armOnStage(ours, { iptables })
    try {
      trials.push(await oneTrial(stage, lockout))
    } finally {
      await stage.lab.close()
    }
  }
  const [wire] = rowsOf(lockout, ours, trials, undefined)
  say(`${lockout.name}, first opens: ${wire.samples.map((ms) => ms.toFixed(2)).join(" ")}`)
  return { ...wire, variant: `${lockout.name}: first open of a session`, isOurs: true }
}

async function oneTrial(stage: ArmedStage, lockout: Lockout): Promise<Trial> {
  try {
    return await timeOpening(stage, ({ server }) => lockout.apply(server))
  } catch (thrown) {
    return { failed: said(thrown) }
  }
}

/** Two rows: from the knock on the wire to the open, and from the start of its command. */
function rowsOf(
  lockout: Lockout,
  contender: Contender,
  trials: readonly Trial[],
  unarmed: string | undefined,
): [Row, Row] {
  const opened = trials.flatMap((trial) =>
    "failed" in trial || trial.openedMs === undefined ? [] : [{ ...trial, openedMs: trial.openedMs }],
  )
  const failures = trials.length - opened.length
  const failed = trials.flatMap((trial) => ("failed" in trial ? trial.failed : []))[0]
  const reason = unarmed ?? failed ?? (failures > 0 && opened.length === 0 ? "does not open it" : undefined)
  const common = {
    contender: contender.name,
    unit: "ms",
    failures,
    ...(reason === undefined ? {} : { reason }),
    isOurs: contender === ours,
  }
  const middle = (of: (one: Opening) => number): string => figure(median(opened.map(of)) ?? 0)
  const facts = {
    "resolution ms": middle(({ resolutionMs }) => resolutionMs),
    "packets of the knock": Math.max(0, ...opened.map(({ knocks }) => knocks)),
  }
  return [
    {
      ...common,
      variant: `${lockout.name}: wire to open`,
      samples: opened.map(({ openedMs }) => openedMs),
      ...(opened.length === 0 ? {} : { facts }),
    },
    {
      ...common,
      variant: `${lockout.name}: command to open`,
      samples: opened.map(({ wireMs, openedMs }) => wireMs + openedMs),
      ...(opened.length === 0 ? {} : { facts: { "to the wire, ms": middle(({ wireMs }) => wireMs) } }),
    },
  ]
}

function target(lockout: string, rows: readonly Row[]): Target {
  const own = median(
    rows.find(({ variant, isOurs }) => isOurs && variant === `${lockout}: wire to open`)?.samples ?? [],
  )
  return {
    what: `${lockout}: median at most ${promisedMs} ms from the wire`,
    met: own !== undefined && own <= promisedMs,
    figure: own === undefined ? "never" : `${figure(own)} ms`,
  }
}

function roadTarget(lockout: string, rows: readonly Row[]): Target {
  const [overTcp, overIcmp] = [oursOverTcp, ours].map(({ name }) =>
    median(
      rows.find(({ variant, contender }) => contender === name && variant === `${lockout}: wire to open`)
        ?.samples ?? [],
    ),
  )
  const longer = overTcp === undefined || overIcmp === undefined ? undefined : overTcp - overIcmp
  return {
    what: `${lockout}, over tcp/22: median at most ${promisedOfTcpMs} ms behind ICMP's`,
    met: longer !== undefined && longer <= promisedOfTcpMs,
    figure: longer === undefined ? "never" : `${figure(longer)} ms`,
  }
}
