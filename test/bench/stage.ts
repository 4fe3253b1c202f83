import { availableParallelism } from "node:os"
import { join } from "node:path"
import { type Host, type Lab, twoHosts } from "../support/lab/lab.ts"
import { withClock } from "../support/other-clock.ts"
import { processorTime, withDescendants } from "../support/processes.ts"
import type { Armed, Contender } from "./contenders/contender.ts"
import { said } from "./deadline.ts"
import { benchFolder } from "./paths.ts"
import { pause } from "./pause.ts"

export const serverAddress = "192.0.2.1"
export const serverAddress6 = "2001:db8::1"

/** What a server is like before anything is armed on it. */
export interface Circumstances {
  /** What `iptables` is there: iptables-nft or iptables-legacy. */
  readonly iptables?: string
  /** How far the server's clock is off, as faketime(1) says it: "+3650d". */
  readonly clock?: string
  /** Whatever is armed is started from a terminal, as its manual says to start it from one. */
  readonly onTerminal?: boolean
  /** How long it may take to come to rest after an open or a lockout, in milliseconds; a minute unless told. */
  readonly restMs?: number
  readonly prepare?: (stage: Stage) => void
}

/** Two hosts of one contender's own, joined by a cable. */
export interface Stage extends Circumstances {
  readonly lab: Lab
  readonly server: Host
  readonly client: Host
  readonly iptables: string
  readonly restMs: number
  /** Starts a daemon on the server, in these circumstances; returns the file that its output goes to. */
  launch(command: readonly string[], environment?: NodeJS.ProcessEnv): string
  /** Closes the terminal that it was launched from. */
  closeTerminal(): void
}

/**
 * Two hosts do not share processors. Here the client keeps to the first one, with its stream of probes and its knock, and
 * the server has all: the scheduler puts its processes where the probes do not interrupt them.
 */
const onClientCore = availableParallelism() < 2 ? [] : ["taskset", "-c", "0"]

/** The command line that runs a command on the client's processor. */
export const asClient = (command: readonly string[]): string[] => [...onClientCore, ...command]

/** A contender that stands armed on its stage. */
export interface ArmedStage extends Stage {
  readonly contender: Contender
  readonly armed: Armed
  /** The processes that belong to it now. */
  pids(): number[]
  /** Waits until it is as it was when it was armed: what an open set going is over. */
  calm(): Promise<void>
}

/** For so long they must be as few as they were and do as good as nothing, in milliseconds. */
const calmMs = 300
const calmCpuMs = 20
const usualRestMs = 60_000

/** Builds a stage and arms the contender on it. Close its lab when done. */
export async function armOnStage(
  contender: Contender,
  circumstances: Circumstances = {},
): Promise<ArmedStage> {
  const stage = build(circumstances)
  try {
    stage.prepare?.(stage)
    // The first packet finds the way known: a question about a link address is not what is measured.
    stage.client.run(["ping", "-c", "1", "-W", "2", serverAddress])
    const armed = await contender.arm(stage)
    const roots = stage.server.pids()
    const pids = (): number[] => withDescendants(roots)
    const calm = (most: number): Promise<void> => calmDown(contender.name, pids, most, stage.restMs)
    await calm(roots.length)
    const most = pids().length
    return { ...stage, contender, armed, pids, calm: () => calm(most) }
  } catch (thrown) {
    await stage.lab.close()
    throw thrown
  }
}

/**
 * Arms these, all at once: nothing is timed yet. Who cannot be armed has the reason in his stage's place.
 * @returns in the order given
 */
export async function armAll(
  contenders: readonly Contender[],
  circumstances: Circumstances = {},
): Promise<Map<Contender, ArmedStage | string>> {
  const armOne = async (contender: Contender): Promise<[Contender, ArmedStage | string]> => {
    try {
      return [contender, contender.missing() ?? (await armOnStage(contender, circumstances))]
    } catch (thrown) {
      return [contender, `could not be armed: ${said(thrown)}`]
    }
  }
  return new Map(await Promise.all(contenders.map(armOne)))
}

function build(circumstances: Circumstances): Stage {
  const { lab, server, client } = twoHosts()
  const log = join(lab.folder, "output")
  const logged = ["sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh", log]
  const terminal = ["/usr/bin/python3", join(benchFolder, "instruments/on-terminal.py")]
  let closeTerminal = (): void => {}
  return {
    iptables: "iptables-nft",
    restMs: usualRestMs,
    ...circumstances,
    lab,
    server,
    client,
    launch(command, environment = {}) {
      const { clock, onTerminal } = circumstances
      const env = { ...process.env, ...environment, ...(clock === undefined ? {} : withClock(clock)) }
      const child = server.start([...(onTerminal ? terminal : logged), ...command], { env })
      if (onTerminal) closeTerminal = () => void child.kill("SIGKILL")
      return log
    },
    closeTerminal: () => closeTerminal(),
  }
}

async function calmDown(
  name: string,
  pids: () => readonly number[],
  most: number,
  restMs: number,
): Promise<void> {
  const until = performance.now() + restMs
  let since = performance.now()
  let spentMs = processorTime(pids())
  while (performance.now() - since < calmMs) {
    if (performance.now() > until) throw new Error(`${name} does not come to rest`)
    await pause(50)
    const now = pids()
    if (now.length <= most && processorTime(now) - spentMs <= calmCpuMs) continue
    since = performance.now()
    spentMs = processorTime(now)
  }
}
