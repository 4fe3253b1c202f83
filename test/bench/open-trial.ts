import { once } from "node:events"
import { Instrument } from "./instruments/instrument.ts"
import { pause } from "./pause.ts"
import { type ArmedStage, asClient, serverAddress } from "./stage.ts"

/** Where the probes go; nothing else listens there. */
const probePort = 9
const probesPerSecond = 20_000
/** A lockout stands this long before the knock: longer than a guard takes to have looked at the rules again. */
const standsMs = 1500
/** Probes run this long before the knock, and none may get through. */
const shutMs = 200
/** Who has not opened by then has not opened; milliseconds. */
const openMs = 3000

/** What the witness saw; nanoseconds of one CLOCK_MONOTONIC (witness.py says why it is one). */
export interface Witnessed {
  readonly knockNs: number | null
  readonly openNs: number | null
  /** Time between the last probe that was stopped and the first that got through: no figure is better than this. */
  readonly resolutionNs: number | null
  /** Knocks seen until then. */
  readonly knocks: number
  readonly void: string | null
}

export interface Opening {
  /** From the knock's arrival on the server's device to that of the first probe let through; undefined: never. */
  readonly openedMs: number | undefined
  readonly resolutionMs: number
  readonly knocks: number
}

/**
 * Locks the server out, shows that it is shut, knocks once, and measures until the first packet gets through.
 * @throws when the lockout did not shut it, or the clock was set meanwhile
 */
export async function timeOpening(stage: ArmedStage, lockOut: (stage: ArmedStage) => void): Promise<Opening> {
  const { server, client, armed } = stage
  lockOut(stage)
  await pause(standsMs)
  const limit = String((shutMs + openMs) / 1000)
  const witness = new Instrument(server, "witness.py", ["eth0", String(probePort), "until-open", limit])
  await witness.next()
  const probes = new Instrument(client, "probe-stream.py", [
    serverAddress,
    String(probePort),
    String(probesPerSecond),
  ])
  await probes.next()
  await pause(shutMs)
  const knock = client.start(asClient(armed.knock))
  const knocked = once(knock, "exit")
  const seen = await witness.next<Witnessed>()
  await probes.end()
  await witness.end()
  await knocked
  await stage.calm()
  if (seen.void !== null) throw new Error(seen.void)
  if (seen.knockNs === null) throw new Error(seen.openNs === null ? "no knock was sent" : "it was never shut")
  return {
    openedMs: seen.openNs === null ? undefined : (seen.openNs - seen.knockNs) / 1e6,
    resolutionMs: (seen.resolutionNs ?? 0) / 1e6,
    knocks: seen.knocks,
  }
}
