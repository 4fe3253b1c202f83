import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { fwKnock } from "../../support/lab/programs.ts"
import type { Case, Effort, Row } from "../case.ts"
import { configure, notInstalled } from "../contenders/installed.ts"
import { pingText, recipeText, scapyText } from "../contenders/old-recipe.ts"
import { ours } from "../contenders/ours.ts"
import { said, within } from "../deadline.ts"
import { Instrument } from "../instruments/instrument.ts"
import { interleave } from "../interleave.ts"
import type { Cost, Witnessed } from "../open-trial.ts"
import { packagedKnock } from "../paths.ts"
import { type ArmedStage, armOnStage, serverAddress } from "../stage.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

/** One run of a sender; `wireMs` is from its start to its first packet on the wire. */
type Run = (Cost & { readonly wireMs: number | undefined }) | { readonly failed: string }

interface Sender {
  readonly name: string
  readonly command: readonly string[]
  /** Does it send? Otherwise its end is what counts. */
  readonly sends: boolean
}

const promisedRatio = 1.35
/**
 * Many, since a machine whose other half belongs to somebody else is fast for a while and slow for a while, by a third: of few
 * runs the medians say which of the two each happened to meet.
 */
const runsEach = 40

export const senderStart: Case = {
  name: "sender-start",
  title: "Sender: from its start to its packet on the wire, and the whole process",
  async run({ quick, say }: Effort) {
    const stage = await armOnStage(ours)
    try {
      const all = senders(stage)
      const runs = await interleave(
        all.filter(({ command }) => notInstalled(command[0] ?? "") === undefined),
        { rounds: quick ? 6 : runsEach, budgetMs: 120_000, failed: (run: Run) => "failed" in run },
        (sender) => once(stage, sender),
      )
      const peaks = await interleave([...runs.keys()], { rounds: 3, budgetMs: 0 }, async (sender) =>
        peakOf(stage, sender),
      )
      say(`${all.length} senders, ${quick ? 6 : runsEach} runs each`)
      const rows = all.flatMap((sender) => rowsOf(sender, runs.get(sender), peaks.get(sender)))
      const of = (name: string): number =>
        median(rows.find(({ contender }) => contender === name)?.samples ?? []) ?? Number.NaN
      const ratio = of("fw-knock") / of("node -e 0")
      return {
        rows: order.flatMap((name) => rows.filter(({ variant }) => variant === name)),
        targets: [
          {
            what: `fw-knock on the wire in at most ${promisedRatio} times a whole node -e 0`,
            met: ratio <= promisedRatio,
            figure: figure(ratio),
          },
        ],
      }
    } finally {
      await stage.lab.close()
    }
  },
}

function senders({ lab, armed }: ArmedStage): Sender[] {
  const sender = (name: string, command: readonly string[], sends = true): Sender => ({
    name,
    command,
    sends,
  })
  const path = configure("fwknop/fwknoprc", join(lab.folder, "fwknoprc"), {
    SERVER: serverAddress,
    KEY: randomBytes(32).toString("base64"),
    HMAC_KEY: randomBytes(64).toString("base64"),
  })
  const [, ...probe] = armed.probe ?? []
  const hex = Buffer.from(recipeText).toString("hex")
  return [
    // Side by side, as they are compared.
    sender("fw-knock", [packagedKnock, ...probe]),
    sender("node -e 0", [process.execPath, "-e", "0"], false),
    sender("fw-knock from npm", [...fwKnock, ...probe]),
    sender("ping -p", pingText(serverAddress)),
    sender("scapy", scapyText(serverAddress)),
    sender("fwknop", ["fwknop", "--rc-file", path, "--named-config", "server"]),
    sender("knock", ["knock", "-u", serverAddress, "7000", "8000", "9000"]),
    sender("nping", ["nping", "--icmp", "-c", "1", "--data", hex, serverAddress]),
    sender("hping3", ["hping3", "--icmp", "-c", "1", "-e", recipeText, "-d", "14", serverAddress]),
  ]
}

async function once({ server, client }: ArmedStage, { command, sends }: Sender): Promise<Run> {
  // Who sends nothing starts beside a witness as well: under the same conditions.
  const witness = new Instrument(server, "witness.py", ["eth0", "9", "until-knock", "10"])
  let runner: Instrument | undefined
  const run = async (): Promise<Run> => {
    await witness.next()
    runner = new Instrument(client, "run-once.py", command)
    const cost = await runner.next<Cost>()
    const seen = sends ? await witness.next<Witnessed>() : undefined
    if (cost.code !== 0) return { failed: `exit code ${cost.code}` }
    if (seen?.void) return { failed: seen.void }
    const knockNs = seen?.knockNs
    return { ...cost, wireMs: knockNs == null ? undefined : (knockNs - cost.startNs) / 1e6 }
  }
  try {
    return await within(20_000, command[0] ?? "", run())
  } catch (thrown) {
    return { failed: said(thrown) }
  } finally {
    await runner?.end()
    await witness.end()
  }
}

/** The largest resident set of a whole run in kilobytes, by time(1), which is small itself; undefined when it says nothing. */
function peakOf({ client }: ArmedStage, { command }: Sender): number | undefined {
  const { stderr } = client.try(["/usr/bin/time", "-f", "peak %M", ...command])
  const peak = /^peak (\d+)$/m.exec(stderr)?.[1]
  return peak === undefined ? undefined : Number(peak)
}

const order = ["start to packet", "start to end", "processor time", "peak memory"]

function rowsOf(
  { name, command, sends }: Sender,
  runs: readonly Run[] = [],
  peaks: readonly (number | undefined)[] = [],
): Row[] {
  const good = runs.flatMap((run) => ("failed" in run ? [] : [run]))
  const reason =
    notInstalled(command[0] ?? "") ?? runs.flatMap((run) => ("failed" in run ? [run.failed] : []))[0]
  type Good = (typeof good)[number]
  const row = (variant: string, unit: string, samples: readonly number[]): Row => ({
    variant,
    contender: name,
    unit,
    samples,
    failures: runs.length - good.length,
    ...(reason === undefined ? {} : { reason }),
    isOurs: name === "fw-knock",
  })
  const wholeMs = ({ startNs, endNs }: Good): number => (endNs - startNs) / 1e6
  const toPacket = row(
    "start to packet",
    "ms",
    good.map((run) => run.wireMs ?? wholeMs(run)),
  )
  return [
    // What sends nothing is the floor of what does: its whole run stands beside the others' way to the wire.
    sends ? toPacket : { ...toPacket, facts: { "its whole run": "" } },
    row("start to end", "ms", good.map(wholeMs)),
    row(
      "processor time",
      "ms",
      good.map(({ cpuMs }) => cpuMs),
    ),
    row(
      "peak memory",
      "MB",
      peaks.flatMap((kb) => (kb === undefined ? [] : kb / 1024)),
    ),
  ]
}
