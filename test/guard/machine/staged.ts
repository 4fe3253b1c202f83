import type { SessionConfiguration } from "../../../src/guard/machine/configuration.ts"
import { plainestSession } from "../../../src/guard/machine/configuration.ts"
import type { Effect } from "../../../src/guard/machine/effect.ts"
import type { ChangeOrder, CommandEvent } from "../../../src/guard/machine/event.ts"
import type { LeftBehind } from "../../../src/guard/machine/left-behind.ts"
import type { Verb } from "../../../src/knock/verbs.ts"
import type { Outcome } from "../../../src/report/outcome.ts"
import type { Connection } from "../../../src/wire/tcp-connection.ts"
import { type Fate, World } from "./world.ts"

export const configuration: SessionConfiguration = {
  ...plainestSession,
  timeoutMs: 60_000,
  plain: "reset-iptables",
  armedBy: { user: "ada", from: "", terminal: "" },
}

export const order: ChangeOrder = {
  id: "c1",
  candidate: "/run/candidate",
  rehearsed: "/run/rehearsed",
  withinMs: 60_000,
  force: false,
  save: false,
  sshPort: 22,
  client: "192.0.2.2",
  user: "ada",
}

/** A connection from the operator to the ssh port. */
export const connection = (remotePort: number): Connection => {
  return { localAddress: "192.0.2.1", localPort: 22, remoteAddress: "192.0.2.2", remotePort, inode: 0 }
}

/** How long effects take, in milliseconds, unless told: an open a second, a restore three. */
const usual: Partial<Record<Effect["type"], number>> = {
  commit: 1,
  keep: 499,
  settle: 500,
  survey: 0,
  restore: 3000,
  apply: 1000,
}

/** A session on a stage: effects take their usual time and work, but for what a test says. */
export class Staged extends World {
  #asks = 0
  #knocks = 0

  constructor(
    changes: Partial<SessionConfiguration> = {},
    fate: (effect: Effect) => Partial<Fate> | undefined = () => undefined,
    left?: LeftBehind,
  ) {
    super({ ...configuration, ...changes }, (effect) => ({
      takesMs: usual[effect.type] ?? 1,
      end: "works",
      ...fate(effect),
    }))
    if (left !== undefined) this.takesOver(left)
    this.begin()
  }

  plain(): void {
    this.feed({ type: "plain", source: "192.0.2.2", device: "any" })
  }

  /** @returns what it is answered, as soon as that is known */
  knock(
    verb: Verb,
    source = "192.0.2.2",
    connections: readonly Connection[] = [],
    hard = false,
  ): () => string[] {
    this.#knocks += 1
    const knock = this.#knocks
    this.feed({
      ...{ type: "knock", knock, verb, hard, source, device: "any", road: "icmp", host: "", name: "" },
      ...{ fromHere: false, connections },
    })
    return () =>
      this.answers
        .filter((answer) => answer.knock === knock)
        .map(({ verdict, verified }) => `${verdict} ${verified}`)
  }

  /** @returns the outcome, as soon as it is known */
  command(
    command: CommandEvent extends infer One
      ? One extends CommandEvent
        ? Omit<One, "type" | "ask">
        : never
      : never,
  ): () => Outcome | undefined {
    this.#asks += 1
    const ask = this.#asks
    this.feed({ type: "command", ask, ...command } as CommandEvent)
    return () => this.replies.get(ask)
  }

  get over(): boolean {
    return this.record.over
  }

  /** The kernel's rules, and how they stand. */
  get inForce(): string {
    return this.kernel.state === "shut" ? this.kernel.rules : "open"
  }

  get events(): string[] {
    return this.emitted.map(({ event }) => event)
  }
}
