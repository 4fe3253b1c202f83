import type { Case, Effort, Row } from "../case.ts"
import { ours } from "../contenders/ours.ts"
import { Instrument } from "../instruments/instrument.ts"
import { interleave } from "../interleave.ts"
import type { Witnessed } from "../open-trial.ts"
import { type ArmedStage, armOnStage } from "../stage.ts"
import { median } from "../statistics.ts"
import { figure } from "../table.ts"

/** What run-once.py says of a command. */
interface Cost {
  readonly startNs: number
  readonly endNs: number
  readonly cpuMs: number
  readonly peakKb: number
  readonly code: number
}

/** One run of a sender; `wireMs` is from its start to its first packet on the wire. */
interface Run extends Cost {
  readonly wireMs: number | undefined
}

interface Sender {
  readonly name: string
  readonly command: readonly string[]
  /** Does it send? Otherwise its end is what counts. */
  readonly sends: boolean
}

const promisedRatio = 1.25

export const senderStart: Case = {
  name: "sender-start",
  title: "Sender: from its start to its packet on the wire, and the whole process",
  async run({ quick, say }: Effort) {
    const stage = await armOnStage(ours, "iptables-nft")
    try {
      const knock: Sender = { name: "fw-knock probe", command: stage.armed.probe ?? [], sends: true }
      const node: Sender = { name: "node -e 0", command: [process.execPath, "-e", "0"], sends: false }
      const runs = await interleave([knock, node], quick ? 8 : 40, (sender) => once(stage, sender))
      say(`${runs.get(knock)?.length} runs each`)
      const rows = [knock, node].flatMap((sender) => rowsOf(sender, sender === knock, runs.get(sender) ?? []))
      const of = (name: string): number =>
        median(rows.find(({ contender }) => contender === name)?.samples ?? []) ?? Number.NaN
      const ratio = of(knock.name) / of(node.name)
      return {
        rows: rows.toSorted((a, b) => order.indexOf(a.variant) - order.indexOf(b.variant)),
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

async function once({ server, client }: ArmedStage, { name, command, sends }: Sender): Promise<Run> {
  const witness = sends ? new Instrument(server, "witness.py", ["eth0", "9", "until-knock", "10"]) : undefined
  await witness?.next()
  const runner = new Instrument(client, "run-once.py", command)
  const cost = await runner.next<Cost>()
  const seen = await witness?.next<Witnessed>()
  await runner.end()
  await witness?.end()
  if (cost.code !== 0) throw new Error(`${name} ended with ${cost.code}`)
  if (seen?.void) throw new Error(seen.void)
  const knockNs = seen?.knockNs
  return { ...cost, wireMs: knockNs == null ? undefined : (knockNs - cost.startNs) / 1e6 }
}

const order = ["start to packet", "start to end", "processor time", "peak memory"]

function rowsOf({ name, sends }: Sender, isOurs: boolean, runs: readonly Run[]): Row[] {
  const row = (variant: string, unit: string, of: (run: Run) => number): Row => ({
    variant,
    contender: name,
    unit,
    samples: runs.map(of),
    failures: 0,
    isOurs,
  })
  const wholeMs = ({ startNs, endNs }: Run): number => (endNs - startNs) / 1e6
  const toPacket = row("start to packet", "ms", (run) => run.wireMs ?? wholeMs(run))
  return [
    // What sends nothing is the floor of what does: its whole run stands beside the others' way to the wire.
    sends ? toPacket : { ...toPacket, facts: { "its whole run": "" } },
    row("start to end", "ms", wholeMs),
    row("processor time", "ms", ({ cpuMs }) => cpuMs),
    row("peak memory", "MB", ({ peakKb }) => peakKb / 1024),
  ]
}
