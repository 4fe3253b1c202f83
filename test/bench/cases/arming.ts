import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { SshStage } from "../../cli/knock/over-ssh/stage.ts"
import { twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { sshUnavailable } from "../../support/lab/ssh-server.ts"
import type { Case, Effort, Row, Target } from "../case.ts"
import { interleave } from "../interleave.ts"
import { packagedKnock, packagedWatchdog } from "../paths.ts"
import { attempt, type Taken } from "../router.ts"
import { type Ruleset, rulesets } from "../rulesets.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

const ordinary = "an ordinary machine"
const fromAfar = "from the workstation, by ssh"
const nodes = 15
const readings = 2
const budgetMs = 120_000
/** The names of what is not ours. */
const names = {
  node: "node -e 0",
  read: "nft list ruleset, then iptables-save",
  ssh: "ssh HOST true",
}

/** What arming costs, beside the smallest process of the kind, beside one reading of the rules, and from afar. */
export const arming: Case = {
  name: "arming",
  title: "Arming: until it is said to be armed, without rules, beside many, and from the workstation",
  async run(effort) {
    const rows = await oneMachine(effort, undefined, 0)
    for (const size of effort.quick ? [20_000] : [20_000, 100_000])
      for (const ruleset of rulesets) rows.push(...(await oneMachine(effort, ruleset, size)))
    rows.push(...(await overSsh(effort)))
    return { rows, targets: targets(rows) }
  },
}

interface Step {
  readonly contender: string
  readonly run: () => Promise<Taken>
  /** Puts things back behind it; not measured. */
  readonly after?: () => void
}

async function oneMachine(effort: Effort, ruleset: Ruleset | undefined, rules: number): Promise<Row[]> {
  const { lab, server } = twoHosts()
  try {
    ruleset?.load(server, { rules, chains: rules / 50, elements: rules / 2 })
    const armed = new ArmedServer(lab, server, [packagedWatchdog])
    const words = armed.command("--detach", "--json", "--secret-file", armed.secretFile)
    const beside: Step =
      ruleset === undefined
        ? { contender: names.node, run: () => attempt(server, ["node", "-e", "0"], process.env) }
        : {
            contender: names.read,
            run: () => attempt(server, ["sh", "-c", "nft list ruleset; iptables-save"], process.env),
          }
    return await measure(effort, ruleset === undefined ? ordinary : `${rules} rules: ${ruleset.name}`, [
      {
        contender: "fw-watchdog --detach",
        run: () => attempt(server, words, armed.environment),
        after: () => armed.disarm(),
      },
      beside,
    ])
  } finally {
    await lab.close()
  }
}

async function overSsh(effort: Effort): Promise<Row[]> {
  const common = { variant: fromAfar, unit: "ms", samples: [], failures: 0, isOurs: true }
  if (sshUnavailable !== undefined) return [{ ...common, contender: "fw-knock arm", reason: sshUnavailable }]
  const stage = new SshStage()
  try {
    await stage.start()
    const { client, ssh } = stage
    const rules = join(stage.lab.folder, "rules.sh")
    let port = 3000
    const knock = (verb: string, ...args: string[]): Promise<Taken> =>
      attempt(client, [packagedKnock, verb, "--ssh", ssh.ssh, "web1", ...args], stage.environment())
    const disarm = (): void => void stage.run("disarm", "web1")
    return await measure(effort, fromAfar, [
      { contender: "fw-knock arm", run: () => knock("arm"), after: disarm },
      {
        contender: "fw-knock apply, a line more",
        run() {
          port += 1
          writeFileSync(rules, `iptables -A INPUT -p tcp --dport ${port} -j ACCEPT\n`)
          return knock("apply", rules)
        },
        after: disarm,
      },
      { contender: names.ssh, run: () => attempt(client, ["sh", "-c", `${ssh.ssh} web1 true`], process.env) },
    ])
  } finally {
    await stage.lab.close()
  }
}

async function measure({ quick, say }: Effort, variant: string, steps: readonly Step[]): Promise<Row[]> {
  const results = await interleave(
    steps,
    { rounds: quick ? 2 : 11, budgetMs, failed: (run: Taken) => typeof run !== "number" },
    async ({ run, after }) => {
      const took = await run()
      after?.()
      return took
    },
  )
  return [...results].map(([{ contender }, runs]) => {
    const samples = runs.filter((run) => typeof run === "number")
    const reason = runs.find((run) => typeof run !== "number")?.failed
    say(`${variant}, ${contender}: ${samples.map((ms) => Math.round(ms)).join(" ")} ${reason ?? ""}`)
    return {
      ...{ variant, contender, unit: "ms", samples, failures: runs.length - samples.length },
      ...(reason === undefined ? {} : { reason }),
      isOurs: contender === steps[0]?.contender,
    }
  })
}

function targets(rows: readonly Row[]): Target[] {
  const of = (variant: string, ours: boolean): number =>
    median(rows.find((row) => row.variant === variant && row.isOurs === ours)?.samples ?? []) ?? Number.NaN
  const ratio = (variant: string): number => of(variant, true) / of(variant, false)
  const most = [...new Set(rows.map(({ variant }) => variant))].filter((name) => name.includes(" rules: "))
  return [
    {
      what: `${ordinary}: at most ${nodes} times node -e 0`,
      met: ratio(ordinary) <= nodes,
      figure: figure(ratio(ordinary)),
    },
    ...most.map((variant) => ({
      what: `${variant}: at most ${readings} times one reading of them`,
      met: ratio(variant) <= readings,
      figure: figure(ratio(variant)),
    })),
  ]
}
