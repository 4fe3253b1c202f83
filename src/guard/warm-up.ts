import { randomBytes } from "node:crypto"
import type { Clock } from "../clock.ts"
import { deriveKeys } from "../knock/keys.ts"
import { encodeRequest } from "../knock/request.ts"
import { parseFromListener, toLine } from "../listener/messages.ts"
import { Session } from "./session.ts"

/** Time that stands still: nothing that is set on it ever comes. */
const stillClock: Clock = {
  wallMs: () => 0,
  bootMs: () => 0,
  after: () => ({ cancel: () => {} }),
  every: () => ({ cancel: () => {} }),
}

/**
 * Goes the way of a knock from the listener's line to the open and its answer `rounds` times, in a session of its own with
 * a secret that nobody has and a firewall that is none. For the same reason as the listener does it (warmUpHearing).
 */
export function warmUpSession(rounds: number): void {
  const secret = new Uint8Array(randomBytes(16))
  const keys = deriveKeys(secret)
  const session = new Session({
    clock: stillClock,
    configuration: {
      timeoutMs: 60_000,
      onExpiry: "disarm",
      openForMs: 0,
      scope: "all",
      secrets: [{ host: "", name: "", kind: "one-time", secret: Buffer.from(secret).toString("hex") }],
      secretFile: "",
      plain: "",
      devices: [],
      from: [],
      dryRun: false,
      quiet: true,
      armedBy: { user: "", from: "", terminal: "" },
    },
    work: {
      opens: 0,
      stillDropping: [],
      reLocks: 0,
      close: () => {},
      idle: async () => {},
      goBack: async () => ({ event: "rolled-back", code: "done", message: "" }),
      open: async (_, tell) => tell?.("opened", false),
    },
    backends: [],
    standbys: () => [],
    emit: () => {},
    changed: () => {},
    nonceCapacity: 16,
  })
  let answered = 0
  for (let round = 0; round < rounds; round++) {
    const request = encodeRequest(keys, {
      verb: "reset",
      oneWay: true,
      hard: false,
      clientTimeMs: round,
      nonce: new Uint8Array(randomBytes(16)),
    })
    const data = Buffer.from(request).toString("hex")
    const way = "first"
    const [source, destination] = ["192.0.2.2", "192.0.2.1"]
    const message = parseFromListener(
      toLine({ type: "knock", ref: round, data, source, destination, device: "any", way }),
    )
    if (message?.type === "knock")
      session.knock(message, () => {
        answered += 1
      })
  }
  if (answered < rounds) throw new Error(`${answered} of ${rounds} knocks of the warm-up were answered`)
}
