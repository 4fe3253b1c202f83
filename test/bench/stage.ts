import { availableParallelism } from "node:os"
import { type Host, type Lab, twoHosts } from "../lab/lab.ts"
import type { Armed, Contender } from "./contenders/contender.ts"
import { pause } from "./pause.ts"
import { withDescendants } from "./processes.ts"

export const serverAddress = "192.0.2.1"

/** Two hosts of one contender's own, joined by a cable. */
export interface Stage {
  readonly lab: Lab
  readonly server: Host
  readonly client: Host
  /** What `iptables` is on this server: iptables-nft or iptables-legacy. */
  readonly iptables: string
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
  /** Waits until it runs no more processes than when it was armed: what an open set going is over. */
  calm(): Promise<void>
}

/** How long the processes must be as few as they were, in milliseconds. */
const calmMs = 300
const longestCalmMs = 120_000

/**
 * Builds a stage and arms the contender on it. Close its lab when done.
 * @param prepare what the server is like before anything is armed
 */
export async function armOnStage(
  contender: Contender,
  iptables: string,
  prepare: (stage: Stage) => void = () => {},
): Promise<ArmedStage> {
  const stage: Stage = { ...twoHosts(), iptables }
  try {
    prepare(stage)
    // The first packet finds the way known: a question about a link address is not what is measured.
    stage.client.run(["ping", "-c", "1", "-W", "2", serverAddress])
    const armed = await contender.arm(stage)
    const roots = stage.server.pids()
    const pids = (): number[] => withDescendants(roots)
    const calm = (most: number): Promise<void> => calmDown(contender.name, pids, most)
    await calm(roots.length)
    const most = pids().length
    return { ...stage, contender, armed, pids, calm: () => calm(most) }
  } catch (thrown) {
    await stage.lab.close()
    throw thrown
  }
}

async function calmDown(name: string, pids: () => readonly number[], most: number): Promise<void> {
  const until = performance.now() + longestCalmMs
  for (let since = performance.now(); performance.now() - since < calmMs; ) {
    if (performance.now() > until) throw new Error(`${name} does not come to rest`)
    await pause(50)
    if (pids().length > most) since = performance.now()
  }
}
