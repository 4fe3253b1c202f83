import { openKnocker } from "../../client/knocker.ts"
import { randomBytes } from "../../client/random.ts"
import type { Clock } from "../../clock.ts"
import type { HostRecord } from "../../secrets/host-records.ts"
import { checkAny, connectFirst } from "./port-check.ts"
import type { Road } from "./road.ts"

/** The roads of one command: straight, and one for each jump host. Each is opened when it is first wanted. */
export class Roads {
  readonly #clock: Clock
  readonly #via: string | undefined
  readonly #ssh: string
  readonly #straight: Road
  readonly #byJump = new Map<string, Promise<Road>>()

  /** @param options `via` as typed: jump hosts as ProxyJump has them, or `none`; `ssh`: what ssh begins with */
  constructor(clock: Clock, { via, ssh }: { readonly via: string | undefined; readonly ssh: string }) {
    this.#clock = clock
    this.#via = via
    this.#ssh = ssh
    this.#straight = {
      knocker: openKnocker({ clock, random: randomBytes }),
      check: (addresses, port) => checkAny(addresses, port, clock),
      connect: (host, addresses, port) => connectFirst(host, addresses, port, clock),
    }
  }

  /** The jump hosts on the way to a host; undefined where there are none. */
  jumpTo(record: HostRecord | undefined): string | undefined {
    return this.#via === "none" ? undefined : (this.#via ?? record?.jump)
  }

  async to(record: HostRecord | undefined): Promise<Road> {
    const jump = this.jumpTo(record)
    if (jump === undefined) return this.#straight
    const road =
      this.#byJump.get(jump) ??
      import("./over-ssh/road/jump-road.ts").then(({ openJumpRoad }) =>
        openJumpRoad(jump, this.#ssh, this.#clock),
      )
    this.#byJump.set(jump, road)
    return await road
  }

  close(): void {
    this.#straight.knocker.close()
    for (const road of this.#byJump.values())
      road.then(
        ({ knocker }) => knocker.close(),
        () => {},
      )
  }
}
