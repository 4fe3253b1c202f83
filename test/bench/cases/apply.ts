import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Lab } from "../../support/lab/lab.ts"
import { startStream } from "../../support/lab/steady-stream.ts"
import type { Case, Effort, Row, Target } from "../case.ts"
import { interleave } from "../interleave.ts"
import { packagedApply } from "../paths.ts"
import { attempt, type Failed, makeRouter, type Taken, wallMs } from "../router.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

/** What a change of rules costs: packets while it is made, and time. */
export const apply: Case = {
  name: "apply",
  title: "Changing the rules: packets lost under 10 000 a second, and how long a script takes",
  async run(effort) {
    const lost = await lostPackets(effort)
    const times = await wallTimes(effort)
    return { rows: [...lost, ...times], targets: [...lossTargets(lost), ...timeTargets(times)] }
  },
}

const perSecond = 10_000
const port = 5000

/** One way of putting a script's rules in force. */
interface Way {
  readonly name: string
  readonly command: (files: RuleFilesOf) => readonly string[]
}

interface RuleFilesOf {
  /** The script, a command a line. */
  readonly script: string
  /** What iptables-save prints when it has run. */
  readonly saved: string
}

const from = ["--json", "--from", "192.0.2.2"]

const lineByLine: Way = { name: "sh script", command: ({ script }) => ["sh", script] }
const restore: Way = { name: "iptables-restore", command: ({ saved }) => ["iptables-nft-restore", saved] }
const ours: Way = {
  name: "fw-apply",
  command: ({ script }) => [packagedApply, "--no-confirm", ...from, script],
}
const check: Way = {
  name: "fw-apply --check",
  command: ({ script }) => [packagedApply, "--check", ...from, script],
}

/** Rules of a router: all gone, shut, and then opened; what lets the stream through comes last. */
function script(rules: number, first: number): string {
  const lines = [
    "iptables-nft -F",
    "iptables-nft -X",
    "iptables-nft -P FORWARD DROP",
    "iptables-nft -N checks",
    "iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED -p tcp -j ACCEPT",
    "iptables-nft -A FORWARD -j checks",
  ]
  for (let rule = lines.length + 1; rule < rules; rule++)
    lines.push(`iptables-nft -A checks -p tcp --dport ${first + (rule % 10_000)} -j DROP`)
  return `${[...lines, `iptables-nft -A FORWARD -p udp --dport ${port} -j ACCEPT`].join("\n")}\n`
}

/** Writes a script, and what it comes to, found out in a host of its own. */
async function filesOf(lab: Lab, name: string, text: string): Promise<RuleFilesOf> {
  const files = { script: join(lab.folder, `${name}.sh`), saved: join(lab.folder, `${name}.rules`) }
  writeFileSync(files.script, text)
  const host = lab.host(name)
  await wallMs(host, ["sh", "-ec", `sh ${files.script} && iptables-nft-save >${files.saved}`], process.env)
  return files
}

function rowOf(
  variant: string,
  { name }: Way,
  runs: readonly (number | object)[],
): Omit<Row, "unit" | "samples"> {
  const failed = runs.flatMap((run) =>
    typeof run === "object" && "failed" in run ? [String(run.failed)] : [],
  )
  return {
    variant,
    contender: name,
    failures: failed.length,
    ...(failed[0] === undefined ? {} : { reason: failed[0] }),
    isOurs: name === ours.name,
  }
}

async function lostPackets({ quick, say }: Effort): Promise<Row[]> {
  const lab = new Lab()
  try {
    const { client, box, server, env } = makeRouter(lab)
    // Otherwise the connection is new to the first rule that asks.
    box.sh("iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT")
    const stream = await startStream(client, server, "198.51.100.2", port, perSecond)
    const files = [
      await filesOf(lab, "odd", script(100, 10_000)),
      await filesOf(lab, "even", script(100, 30_000)),
    ]
    let changes = 0
    const results = await interleave(
      [lineByLine, restore, ours],
      {
        rounds: quick ? 2 : 8,
        budgetMs: 60_000,
        failed: (run: Failed | { readonly lost: number }) => "failed" in run,
      },
      async (way, round) => {
        const next = files[changes++ % 2] as RuleFilesOf
        let failed: string | undefined
        const during = await stream.during(async () => {
          const took = await attempt(box, way.command(next), env)
          if (typeof took !== "number") failed = took.failed
        })
        say(`${way.name}, ${round + 1}: ${failed ?? `${during.lost} of ${during.sent} lost`}`)
        return failed === undefined ? during : { failed }
      },
    )
    return [...results].map(([way, all]) => {
      const runs = all.flatMap((run) => ("failed" in run ? [] : [run]))
      return {
        ...rowOf("packets lost, 100 lines", way, all),
        unit: "packets",
        samples: runs.map(({ lost }) => lost),
        facts: {
          "sent meanwhile": median(runs.map(({ sent }) => sent)) ?? 0,
          "connections lost": runs.filter(({ isConnected }) => !isConnected).length,
        },
      }
    })
  } finally {
    await lab.close()
  }
}

async function wallTimes({ quick, say }: Effort): Promise<Row[]> {
  const rows: Row[] = []
  for (const [lines, rounds] of quick ? ([[100, 1]] as const) : sizes) {
    const lab = new Lab()
    try {
      const { box, env } = makeRouter(lab)
      const files = await filesOf(lab, "copy", script(lines, 10_000))
      const results = await interleave(
        [lineByLine, restore, ours, check],
        { rounds, budgetMs: 60_000, failed: (run: Taken) => typeof run !== "number" },
        async (way, round): Promise<Taken> => {
          box.sh("nft flush ruleset")
          const took = await attempt(box, way.command(files), env, way === check ? [5] : [0])
          const told = typeof took === "number" ? `${Math.round(took)} ms` : took.failed
          say(`${lines} lines, ${way.name}, ${round + 1}: ${told}`)
          return took
        },
      )
      for (const [way, runs] of results) {
        const samples = runs.filter((run) => typeof run === "number")
        rows.push({ ...rowOf(timeVariant(lines), way, runs), unit: "ms", samples })
      }
    } finally {
      await lab.close()
    }
  }
  return rows
}

/** How many lines, and how often: the longest takes most of a minute. */
const sizes = [
  [100, 5],
  [1000, 3],
  [10_000, 1],
] as const

const timeVariant = (lines: number): string => `wall time, ${lines} lines`

function lossTargets(rows: readonly Row[]): Target[] {
  const lost = (way: Way): readonly number[] =>
    rows.find(({ contender }) => contender === way.name)?.samples ?? []
  const [own, script] = [Math.max(...lost(ours)), Math.min(...lost(lineByLine))]
  return [
    { what: "fw-apply loses no packet", met: own === 0, figure: String(own) },
    {
      what: "the same script line by line loses some, or this shows nothing",
      met: script > 0,
      figure: `at least ${script}`,
    },
  ]
}

function timeTargets(rows: readonly Row[]): Target[] {
  const of = (way: Way, lines: number): number =>
    median(
      rows.find(({ variant, contender }) => variant === timeVariant(lines) && contender === way.name)
        ?.samples ?? [],
    ) ?? Number.NaN
  return sizes.flatMap(([lines]) => {
    const ratio = of(check, lines) / of(lineByLine, lines)
    // The copy of the machine takes its half second whatever the script, so nothing is promised for short ones.
    if (Number.isNaN(ratio) || lines < 1000) return []
    return [
      {
        what: `rehearsing ${lines} lines takes at most 2.5 times as long as running them`,
        met: ratio <= 2.5,
        figure: figure(ratio),
      },
    ]
  })
}
