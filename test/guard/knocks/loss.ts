import { expect } from "vitest"
import { ArmedServer } from "../../support/lab/programs.ts"
import { type Knocked, knockAside, knockMany } from "./knocks.ts"
import { loseHalf, type Routed, routedServer } from "./router.ts"

/** What came of many knocks through a router that loses half of the packets each way. */
export interface Lossy {
  readonly answered: number
  readonly acted: number
  /** Exchanges that went on as one-way after 2 s without an answer: their first request may have acted as well. */
  readonly turnedOneWay: number
  /** Milliseconds of those answered, sorted. */
  readonly tookMs: readonly number[]
}

/** Arms the server for a dry run, so that nothing of this opens, and knocks. */
export async function knockThroughLoss(
  { lab, server, router, client }: Routed,
  verb: "probe" | "reset",
  count: number,
  atATime: number,
): Promise<Lossy> {
  const armed = new ArmedServer(lab, server)
  armed.arm("--timeout", "30m", "--dry-run")
  server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
  loseHalf(router)
  const done = await knockMany(count, atATime, () =>
    knockAside(armed, client, [verb, routedServer, "--no-check", "--road", "icmp", "--wait", "10s"]),
  )
  const answered = done.filter((knocked) => knocked.outcome.event === answers[verb])
  const acted = armed.status().accepted as number
  armed.disarm()
  return {
    answered: answered.length,
    acted,
    turnedOneWay: done.filter(({ outcome }) => outcome.stage === "one-way").length,
    tookMs: answered.map(tookMs).sort((a, b) => a - b),
  }
}

const answers = { probe: "alive", reset: "dry-run" }

function tookMs({ outcome }: Knocked): number {
  expect(outcome.roundTripMs).toBeTypeOf("number")
  return outcome.roundTripMs as number
}
