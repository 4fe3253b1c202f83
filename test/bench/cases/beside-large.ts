import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Host, Lab } from "../../support/lab/lab.ts"
import { startStream } from "../../support/lab/steady-stream.ts"
import type { Case, Effort, Row, Target } from "../case.ts"
import { interleave } from "../interleave.ts"
import { packagedApply } from "../paths.ts"
import { attempt, makeRouter, type Taken } from "../router.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

/** What a small change costs on a machine that holds many rules which it does not touch. */
export const besideLarge: Case = {
  name: "beside-large",
  title: "One line more beside 20 000 rules and a set of 50 000 elements that it does not touch",
  async run(effort) {
    const rows = await oneLine(effort)
    return { rows, targets: targets(rows) }
  },
}

const [rules, elements] = [20_000, 50_000]
const variants = { empty: "an empty machine", large: "20 000 rules, 50 000 elements" } as const
const perSecond = 10_000
const port = 5000

/** A table of nft's own, as a program that manages a firewall has it. */
function largeTable(): string {
  const members = Array.from(
    { length: elements },
    (_, at) => `10.${(at >> 15) & 255}.${(at >> 7) & 255}.${(at & 127) * 2}`,
  )
  const chains = Array.from({ length: 20 }, (_, chain) => {
    const lines = Array.from(
      { length: rules / 20 },
      (_, rule) => `ip saddr 198.18.${chain}.${rule & 255} tcp dport ${rule + 1} counter accept`,
    )
    return `chain c${chain} {\n${lines.join("\n")}\n}`
  })
  return `table inet large {\nset s { type ipv4_addr; elements = { ${members.join(", ")} }; }\n${chains.join("\n")}\n}\n`
}

interface Stage {
  readonly lab: Lab
  readonly client: Host
  readonly server: Host
  readonly box: Host
  readonly env: NodeJS.ProcessEnv
}

function stageOf(isLarge: boolean): Stage {
  const lab = new Lab()
  const { client, box, server, env } = makeRouter(lab)
  if (isLarge) {
    const file = join(lab.folder, "large.nft")
    writeFileSync(file, largeTable())
    box.run(["nft", "-f", file])
  }
  return { lab, client, server, box, env }
}

async function oneLine({ quick, say }: Effort): Promise<Row[]> {
  const stages = { empty: stageOf(false), large: stageOf(true) }
  try {
    // Packets of the large one are counted: what the change does to traffic is the same question.
    const stream = await startStream(
      stages.large.client,
      stages.large.server,
      "198.51.100.2",
      port,
      perSecond,
    )
    const lost: number[] = []
    let line = 0
    const results = await interleave(
      Object.keys(stages) as (keyof typeof stages)[],
      { rounds: quick ? 2 : 5, budgetMs: 120_000, failed: (run: Taken) => typeof run !== "number" },
      async (which, round): Promise<Taken> => {
        const { lab, box, env } = stages[which]
        const script = join(lab.folder, "one.sh")
        line += 1
        writeFileSync(script, `iptables-nft -A INPUT -p tcp --dport ${1000 + line} -j ACCEPT\n`)
        let took: Taken = { failed: "it did not run" }
        const run = async (): Promise<void> => {
          took = await attempt(
            box,
            [packagedApply, "--json", "--from", "192.0.2.2", "--no-confirm", script],
            env,
          )
        }
        if (which === "large") lost.push((await stream.during(run)).lost)
        else await run()
        say(
          `${variants[which]}, ${round + 1}: ${typeof took === "number" ? `${Math.round(took)} ms` : JSON.stringify(took)}`,
        )
        return took
      },
    )
    return [...results].map(([which, runs]) => ({
      variant: variants[which],
      contender: "fw-apply",
      unit: "ms",
      samples: runs.filter((run) => typeof run === "number"),
      failures: runs.filter((run) => typeof run !== "number").length,
      isOurs: true,
      ...(which === "large" ? { facts: { "packets lost": Math.max(0, ...lost) } } : {}),
    }))
  } finally {
    for (const { lab } of Object.values(stages)) await lab.close()
  }
}

function targets(rows: readonly Row[]): Target[] {
  const of = (variant: string): number =>
    median(rows.find((row) => row.variant === variant)?.samples ?? []) ?? Number.NaN
  const ratio = of(variants.large) / of(variants.empty)
  const lost = rows.find(({ variant }) => variant === variants.large)?.facts?.["packets lost"]
  return [
    { what: "at most twice what it takes on an empty machine", met: ratio <= 2, figure: figure(ratio) },
    { what: "no packet is lost meanwhile", met: lost === 0, figure: String(lost) },
  ]
}
