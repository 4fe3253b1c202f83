import { randomBytes } from "node:crypto"
import type { Clock } from "../clock.ts"
import { firewallOfNobody, runNobody } from "../firewall/open/warm-up.ts"
import { deriveKeys } from "../knock/keys.ts"
import { encodeRequest } from "../knock/request.ts"
import { parseFromListener, toLine } from "../pipe/messages.ts"
import type { Outcome } from "../report/outcome.ts"
import { plainestSession, type SessionConfiguration } from "./configuration.ts"
import { FirewallWork } from "./rules/operations.ts"
import { Session } from "./session.ts"
import { OpeningMark, OpensUnderWay } from "./state/open-marker.ts"

/** Time that stands still: nothing that is set on it ever comes. */
const stillClock: Clock = {
  wallMs: () => 0,
  bootMs: () => 0,
  after: () => ({ cancel: () => {} }),
  every: () => ({ cancel: () => {} }),
}

/** More make no first open faster; 90 ms here. */
export const warmUpRounds = 60

/**
 * Goes the way of a knock from the listener's line to the loaders and back to its answer `rounds` times, in a session of its own
 * with a secret that nobody has and a firewall that is none. V8 interprets what it meets for the first
 * time: several times slower than what it has compiled, and a session may see one packet in its life.
 *
 * @returns how often that firewall was opened and a knock answered; resolves when the last one has settled
 */
export async function warmUpSession(rounds: number): Promise<{ opens: number; answers: number }> {
  const secret = new Uint8Array(randomBytes(16))
  const keys = deriveKeys(secret)
  const firewall = await firewallOfNobody(stillClock)
  const rules = { keep: async () => undefined, goBack: async () => undefined }
  let opens = 0
  const shared = {
    clock: stillClock,
    emit: ({ event }: Outcome) => {
      opens += event === "opened" ? 1 : 0
    },
  }
  const mark = new OpeningMark("/dev/null")
  const underWay = new OpensUnderWay((state) => mark.write(state))
  const work = new FirewallWork({ ...shared, run: runNobody, firewall, rules, underWay, scope: "all" })
  const session = new Session({ ...shared, configuration: configurationOf(secret), work, ...nobodyElse })
  let answers = 0
  for (let round = 0; round < rounds; round++) {
    const request = encodeRequest(keys, {
      verb: "reset",
      oneWay: true,
      hard: false,
      clientTimeMs: round,
      nonce: new Uint8Array(randomBytes(16)),
    })
    const data = Buffer.from(request).toString("hex")
    const flow = "first"
    const [source, destination] = ["192.0.2.2", "192.0.2.1"]
    const message = parseFromListener(
      toLine({ type: "knock", ref: round, data, source, destination, device: "any", flow }),
    )
    if (message?.type !== "knock") break
    let answered = false
    session.knock(message, () => {
      answered = true
    })
    await work.idle()
    answers += answered ? 1 : 0
  }
  mark.close()
  return { opens, answers }
}

const nobodyElse = { backends: [], standbys: () => [], changed: () => {}, nonceCapacity: 16 }

const configurationOf = (secret: Uint8Array): SessionConfiguration => ({
  ...plainestSession,
  timeoutMs: 60_000,
  secrets: [{ host: "", name: "", kind: "one-time", secret: Buffer.from(secret).toString("hex") }],
})
