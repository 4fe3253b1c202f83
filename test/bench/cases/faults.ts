import { once } from "node:events"
import { join } from "node:path"
import type { Case, Row, Target } from "../case.ts"
import type { Contender } from "../contenders/contender.ts"
import { ours } from "../contenders/ours.ts"
import { rivals } from "../contenders/table.ts"
import { said, within } from "../deadline.ts"
import { commonLockout, type Fault, faultTable } from "../fault-table.ts"
import { Instrument } from "../instruments/instrument.ts"
import { benchFolder } from "../paths.ts"
import { pause } from "../pause.ts"
import { type ArmedStage, armOnStage, serverAddress } from "../stage.ts"

const probePort = 9
/** Who has not opened by then has not opened; seconds from the start of the knock's command. */
const patienceS = "5"
const trialMs = 60_000

export const faults: Case = {
  name: "faults",
  title: "Faults: does one knock open all the same?",
  async run({ cgroup, say }) {
    const rows: Row[] = []
    for (const [number, fault] of faultTable.entries()) {
      // Nothing is timed here: all at once.
      const four = await Promise.all(
        rivals.map((contender, at) => row(fault, contender, `${cgroup}-${number}-${at}`)),
      )
      say(
        `${fault.name}: ${four.map(({ contender, stood, reason }) => `${contender} ${stood ? "stands" : (reason ?? "falls")}`).join(", ")}`,
      )
      rows.push(...four)
    }
    return { rows, targets: [target(rows)] }
  },
}

async function row(fault: Fault, contender: Contender, group: string): Promise<Row> {
  const common = {
    variant: fault.name,
    contender: contender.name,
    unit: "",
    samples: [],
    failures: 0,
    isOurs: contender === ours,
  }
  const missing = contender.missing()
  if (missing !== undefined) return { ...common, reason: missing }
  let stage: ArmedStage | undefined
  const instruments: Instrument[] = []
  try {
    stage = await armOnStage(contender, fault.circumstances)
    const verdict = await within(trialMs, "a trial", stands(stage, fault, group, instruments))
    return { ...common, ...verdict }
  } catch (thrown) {
    return { ...common, stood: false, reason: said(thrown) }
  } finally {
    await Promise.all(instruments.map((one) => one.end()))
    await stage?.lab.close()
  }
}

async function stands(
  stage: ArmedStage,
  fault: Fault,
  group: string,
  instruments: Instrument[],
): Promise<Pick<Row, "stood" | "reason">> {
  const { server, client } = stage
  const to = fault.to ?? serverAddress
  const use = async (...args: ConstructorParameters<typeof Instrument>): Promise<Instrument> => {
    const instrument = new Instrument(...args)
    instruments.push(instrument)
    await instrument.next()
    return instrument
  }
  await fault.strike?.(stage, group)
  const shut = async (): Promise<void> => {
    ;(fault.lockout ?? commonLockout).apply(server)
    await pause(500)
  }
  await shut()
  await fault.onceShut?.(stage)
  await use(client, "probe-stream.py", [to, String(probePort), "200"])
  const gate = await use(server, "gate.py", [String(probePort)])
  const opens = async (seconds: string): Promise<boolean> => (await gate.ask<{ open: boolean }>(seconds)).open
  if (await opens("0.3")) throw new Error("it was never shut")

  const recorder = fault.replay ? await use(client, "record.py", ["eth0", String(probePort)]) : undefined
  const opened = await knocked(stage, to, () => opens(patienceS))
  if (recorder === undefined) return opened ? { stood: true } : { stood: false, reason: "does not open" }

  if (!opened) return { stood: false, reason: "the knock itself does not open" }
  const { frames } = await recorder.ask<{ frames: string[] }>("")
  await stage.calm()
  await shut()
  if (await opens("0.3")) throw new Error("it was not shut again")
  replay(stage, frames)
  return (await opens(patienceS)) ? { stood: false, reason: "opens again" } : { stood: true }
}

/** Runs the knock's command to its end. @returns what came of `look`, which begins with it */
async function knocked(stage: ArmedStage, to: string, look: () => Promise<boolean>): Promise<boolean> {
  const knock = stage.client.start(stage.armed.knock(to))
  const ended = once(knock, "close")
  knock.stdout?.resume()
  knock.stderr?.resume()
  const opened = await look()
  setTimeout(() => knock.kill("SIGKILL"), opened ? 3000 : 0).unref()
  await ended
  return opened
}

function replay({ client }: ArmedStage, frames: readonly string[]): void {
  const program = join(benchFolder, "../support/lab/send-frames.py")
  client.run(["/usr/bin/python3", program, "eth0", "1000", String(frames.length)], {
    input: frames.join("\n"),
  })
}

function target(rows: readonly Row[]): Target {
  const own = rows.filter(({ isOurs }) => isOurs)
  const fallen = own.filter(({ stood }) => !stood).map(({ variant }) => variant)
  return {
    what: "fw-watchdog stands in every row",
    met: fallen.length === 0,
    figure: fallen.length === 0 ? `${own.length} of ${own.length}` : `not in: ${fallen.join(", ")}`,
  }
}
