import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { SshStage } from "../../cli/knock/over-ssh/stage.ts"
import { type Host, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { sshUnavailable } from "../../support/lab/ssh-server.ts"
import type { Case, Effort, Row, Target } from "../case.ts"
import { within } from "../deadline.ts"
import { interleave } from "../interleave.ts"
import { packagedKnock, packagedWatchdog } from "../paths.ts"
import type { Taken } from "../router.ts"
import { type Ruleset, rulesets } from "../rulesets.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

const ordinary = "an ordinary machine"
const fromAfar = "from the workstation, by ssh"
const nodes = 15
const readings = 2
const budgetMs = 120_000
const longestMs = 300_000
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
  readonly run: () => Promise<void>
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
        ? { contender: names.node, run: () => ends(server, ["node", "-e", "0"]) }
        : {
            contender: names.read,
            run: () => ends(server, ["sh", "-c", "nft list ruleset; iptables-save"]),
          }
    return await measure(effort, ruleset === undefined ? ordinary : `${rules} rules: ${ruleset.name}`, [
      {
        contender: "fw-watchdog --detach",
        run: () => ends(server, words, armed.environment),
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
    const knock = (verb: string, ...args: string[]): Promise<void> =>
      ends(client, [packagedKnock, verb, "--ssh", ssh.ssh, "web1", ...args], stage.environment())
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
      { contender: names.ssh, run: () => ends(client, ["sh", "-c", `${ssh.ssh} web1 true`]) },
    ])
  } finally {
    await stage.lab.close()
  }
}

async function measure({ quick, say }: Effort, variant: string, steps: readonly Step[]): Promise<Row[]> {
  const results = await interleave(
    steps,
    { rounds: quick ? 2 : 11, budgetMs, failed: (run: Taken) => typeof run !== "number" },
    async ({ run, after }): Promise<Taken> => {
      const since = performance.now()
      try {
        await run()
        return performance.now() - since
      } catch (thrown) {
        return { failed: thrown instanceof Error ? thrown.message : String(thrown) }
      } finally {
        after?.()
      }
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

/** Runs it there to its end, its output read. @throws when it does not end with 0 */
async function ends(host: Host, words: readonly string[], env?: NodeJS.ProcessEnv): Promise<void> {
  const child = host.start([...words], env === undefined ? {} : { env })
  let said = ""
  child.stdout?.resume()
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString()
  })
  const [code] = (await within(longestMs, words[0] ?? "", once(child, "close"))) as [number | null]
  if (code !== 0) throw new Error(`exit ${code}: ${said.trim().split("\n").at(-1) ?? ""}`)
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
