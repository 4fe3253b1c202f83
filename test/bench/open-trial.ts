import { within } from "./deadline.ts"
import { Instrument } from "./instruments/instrument.ts"
import { pause } from "./pause.ts"
import { type ArmedStage, serverAddress } from "./stage.ts"

/** Where the probes go; nothing else listens there. */
const probePort = 9
const probesPerSecond = 20_000
/** A lockout stands this long before the knock, and longer where whoever watches the rules is still looking at it. */
const standsMs = 300
/** Probes run this long before the knock, and none may get through. */
const shutMs = 150
/** Who has not opened by then has not opened; milliseconds from the start of the command, which may be a slow one. */
const openMs = 4000
/** What takes longer than that and its rest has hung. */
const trialMs = 30_000

/** What the witness saw; nanoseconds of one CLOCK_MONOTONIC (witness.py says why it is one). */
export interface Witnessed {
  readonly knockNs: number | null
  readonly openNs: number | null
  /** Time between the last probe that was stopped and the first that got through: no figure is better than this. */
  readonly resolutionNs: number | null
  /** Packets of knocks seen until then. */
  readonly knocks: number
  readonly void: string | null
}

/** What run-once.py says of a command. */
export interface Cost {
  readonly startNs: number
  readonly endNs: number
  readonly cpuMs: number
  readonly code: number
}

/** One trial, in milliseconds. */
export interface Opening {
  /** From the start of the knock's command to its first packet on the server's device. */
  readonly wireMs: number
  /** From there to the first probe let through; undefined: never. */
  readonly openedMs: number | undefined
  readonly resolutionMs: number
  readonly knocks: number
}

/**
 * Locks the server out, shows that it is shut, knocks once, and measures until the first packet gets through.
 * @throws when the lockout did not shut it, the clock was set meanwhile, or something hung
 */
export async function timeOpening(
  stage: ArmedStage,
  lockOut: (stage: ArmedStage) => unknown,
): Promise<Opening> {
  const { server, client, armed } = stage
  const instruments: Instrument[] = []
  const use = (...args: ConstructorParameters<typeof Instrument>): Instrument => {
    const instrument = new Instrument(...args)
    instruments.push(instrument)
    return instrument
  }
  const trial = async (): Promise<Opening> => {
    lockOut(stage)
    await pause(standsMs)
    await stage.calm()
    const limit = String((shutMs + openMs) / 1000)
    const witness = use(server, "witness.py", ["eth0", String(probePort), "until-open", limit])
    await witness.next()
    const probes = [serverAddress, String(probePort), String(probesPerSecond)]
    await use(client, "probe-stream.py", probes).next()
    await pause(shutMs)
    const knock = use(client, "run-once.py", armed.knock(serverAddress))
    const [seen, cost] = await Promise.all([witness.next<Witnessed>(), knock.next<Cost>()])
    if (seen.void !== null) throw new Error(seen.void)
    if (seen.knockNs === null)
      throw new Error(seen.openNs === null ? "no knock was sent" : "it was never shut")
    return {
      wireMs: (seen.knockNs - cost.startNs) / 1e6,
      openedMs: seen.openNs === null ? undefined : (seen.openNs - seen.knockNs) / 1e6,
      resolutionMs: (seen.resolutionNs ?? 0) / 1e6,
      knocks: seen.knocks,
    }
  }
  try {
    return await within(trialMs + stage.restMs, "one trial", trial())
  } finally {
    await Promise.all(instruments.map((instrument) => instrument.end()))
    await stage.calm()
  }
}
