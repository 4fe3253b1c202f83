import { type Carriers, type Knocker, openKnocker } from "../../../../client/knocker.ts"
import type { Carrier } from "../../../../client/paths.ts"
import { randomBytes } from "../../../../client/random.ts"
import type { Clock } from "../../../../clock.ts"
import type { Verb } from "../../../../knock/verbs.ts"
import type { Outcome } from "../../../../report/outcome.ts"
import { knockOutcome } from "../../outcome.ts"
import { openJumpKnocker } from "./jump.ts"

/** Where knocks of one host go. */
export interface KnockRoad {
  /** The name for people. */
  readonly host: string
  readonly addresses: readonly string[]
  /** Jump hosts, as ProxyJump has them; undefined where knocks go straight from here. */
  readonly jump: string | undefined
  readonly carriers: Carriers
  /** The words that each call of ssh begins with. */
  readonly ssh: readonly string[]
}

/** Knocks at one host under one secret, and says what came back. */
export class WayIn {
  /** The address that an authentic answer came from. */
  proven: string | undefined
  /** The carrier of that answer. */
  carrier: Carrier | undefined
  readonly #road: KnockRoad
  readonly #secret: Uint8Array
  readonly #knocker: Knocker

  constructor(road: KnockRoad, secret: Uint8Array, clock: Clock) {
    this.#road = road
    this.#secret = secret
    const { jump, ssh } = road
    this.#knocker =
      jump === undefined ? openKnocker({ clock, random: randomBytes }) : openJumpKnocker(ssh, jump, clock)
  }

  /** @throws Fault when nothing can be sent from here at all */
  async knock(verb: Verb, waitMs: number): Promise<Outcome> {
    const { host, addresses, carriers } = this.#road
    const knock = { host, addresses, secret: this.#secret, verb, hard: false, oneWay: false, carriers }
    const report = await this.#knocker.knock(knock, waitMs)
    this.proven = report.address ?? this.proven
    this.carrier = report.carrier ?? this.carrier
    const login = `ssh ${host}`
    return knockOutcome({ host, login, verb, hard: false, waitMs, report, check: undefined })
  }

  close(): void {
    this.#knocker.close()
  }
}
