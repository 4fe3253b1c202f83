import { once } from "node:events"
import { processorTime } from "../../support/processes.ts"
import type { Case, Effort, Row } from "../case.ts"
import type { Contender } from "../contenders/contender.ts"
import { ours } from "../contenders/ours.ts"
import { rivals } from "../contenders/table.ts"
import { said, within } from "../deadline.ts"
import { Flood, unrelatedPing } from "../flood.ts"
import { Instrument } from "../instruments/instrument.ts"
import { pause } from "../pause.ts"
import { type ArmedStage, armAll, serverAddress } from "../stage.ts"
import { figure } from "../table.ts"

const rates = [0, 1_000, 10_000, 100_000]
const kinds = ["unrelated pings", "forged knocks"] as const
type Kind = (typeof kinds)[number]

/** How long a flood runs before the first knock, and how long a knock may take from the start of its command. */
const settleMs = 1000
const patienceMs = 3000
/** Who has missed so many in a row is not asked the rest, which count as missed. */
const hopeless = 10
const probePort = 9
const cellMs = 120_000

export const floods: Case = {
  name: "floods",
  title: "Floods: knocks that opened a locked server, under junk",
  async run(effort) {
    const knocks = effort.quick ? 5 : 20
    const rows: Row[] = []
    const stages = await armAll(rivals)
    try {
      for (const [rate, kind] of cells(effort))
        for (const [contender, stage] of stages) {
          const row = await cell(contender, stage, kind, rate, knocks)
          effort.say(
            `${row.variant}, ${contender.name}: ${row.reason ?? row.samples[0]} ${JSON.stringify(row.facts ?? {})}`,
          )
          rows.push(row)
        }
    } finally {
      for (const stage of stages.values()) if (typeof stage !== "string") await stage.lab.close()
    }
    const own = rows.filter(({ isOurs, variant }) => isOurs && variant.startsWith("100000"))
    const accepted = own.map(({ samples }) => samples[0] ?? 0)
    return {
      rows,
      targets: [
        {
          what: `${knocks} of ${knocks} knocks at 100 000 packets a second`,
          met:
            own.length > 0 &&
            accepted.every((count) => count === knocks) &&
            own.every(({ facts }) => Number(facts?.["received/s"]) >= 90_000),
          figure: own.map(({ facts }, at) => `${accepted[at]} at ${facts?.["received/s"]}/s`).join(", "),
        },
      ],
    }
  },
}

function cells({ quick }: Effort): [number, Kind][] {
  const some = quick ? rates.filter((rate) => rate === 0 || rate === 100_000) : rates
  return some.flatMap((rate) =>
    rate === 0 ? [[0, kinds[0]] as [number, Kind]] : kinds.map((kind): [number, Kind] => [rate, kind]),
  )
}

async function cell(
  contender: Contender,
  stage: ArmedStage | string,
  kind: Kind,
  rate: number,
  knocks: number,
): Promise<Row> {
  const row = {
    variant: rate === 0 ? "0/s" : `${rate}/s ${kind}`,
    contender: contender.name,
    unit: `of ${knocks}`,
    isOurs: contender === ours,
    failures: 0,
    samples: [],
  }
  if (typeof stage === "string") return { ...row, reason: stage }
  const junk = kind === "unrelated pings" ? unrelatedPing : stage.armed.forge
  if (junk === undefined) return { ...row, reason: "nothing to forge: whoever knows the text opens" }
  const instruments: Instrument[] = []
  const flood = rate === 0 ? undefined : new Flood(stage, junk, kind === "forged knocks", rate)
  try {
    return { ...row, ...(await within(cellMs, "a flood", knockUnder(stage, flood, knocks, instruments))) }
  } catch (thrown) {
    return { ...row, reason: said(thrown) }
  } finally {
    await flood?.stop()
    await Promise.all(instruments.map((one) => one.end()))
    await stage.calm().catch(() => {})
  }
}

async function knockUnder(
  stage: ArmedStage,
  flood: Flood | undefined,
  knocks: number,
  instruments: Instrument[],
): Promise<Pick<Row, "samples" | "facts">> {
  // Not on the client's processor, which the flood has.
  const gate = new Instrument(stage.server, "gate.py", [String(probePort)], "any processor")
  const probes = new Instrument(
    stage.client,
    "probe-stream.py",
    [serverAddress, String(probePort), "500"],
    "any processor",
  )
  instruments.push(gate, probes)
  await gate.next()
  await probes.next()
  await pause(settleMs)
  flood?.count()
  const since = { ms: performance.now(), cpuMs: processorTime(stage.pids()), lines: stage.armed.logLines() }
  let opened = 0
  let missed = 0
  for (let knock = 0; knock < knocks && missed < hopeless; knock += 1) {
    const open = await oneKnock(stage, gate)
    opened += open ? 1 : 0
    missed = open ? 0 : missed + 1
  }
  const seconds = (performance.now() - since.ms) / 1000
  const cpuMs = processorTime(stage.pids()) - since.cpuMs
  const reached = flood?.counted()
  return {
    samples: [opened],
    facts: {
      ...(reached === undefined ? {} : { "received/s": Math.round(reached) }),
      "% of a core": figure(cpuMs / seconds / 10),
      "log lines": stage.armed.logLines() - since.lines,
      "in s": figure(seconds),
      ...(missed < hopeless ? {} : { "given up after misses in a row": hopeless }),
    },
  }
}

/** Shuts the server, knocks once, and looks whether it opens. */
async function oneKnock({ server, client, armed }: ArmedStage, gate: Instrument): Promise<boolean> {
  // Who opens more than once for one knock (the recipe does) is shut again until he has done.
  const until = performance.now() + patienceMs
  do {
    if (performance.now() > until) return false
    server.run(["iptables-nft", "-P", "INPUT", "DROP"])
    await gate.ask("0.01") // what was on its way
  } while ((await gate.ask<{ open: boolean }>("0.03")).open)
  // Not on the client's processor, which the flood has: who knocks is another host than who floods.
  const knock = client.start(armed.knock(serverAddress))
  const ended = once(knock, "close")
  knock.stdout?.resume()
  knock.stderr?.resume()
  const { open } = await gate.ask<{ open: boolean }>(String(patienceMs / 1000))
  // A sender that waits for an answer has it now, or is told that there is none.
  if (!open) knock.kill("SIGKILL")
  await ended
  return open
}
