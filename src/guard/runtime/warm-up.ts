import { randomBytes } from "node:crypto"
import type { Clock } from "../../clock.ts"
import type { LookDeps } from "../../firewall/obstacles/looking.ts"
import { firewallOfNobody, runNobody } from "../../firewall/open/warm-up.ts"
import { deriveKeys } from "../../knock/keys.ts"
import { encodeRequest } from "../../knock/request.ts"
import { parseFromListener, toLine } from "../../pipe/messages.ts"
import type { Outcome } from "../../report/outcome.ts"
import { plainestSession, type SessionConfiguration } from "../machine/configuration.ts"
import { newSession } from "../machine/record.ts"
import { OpenMarker } from "../state/open-marker.ts"
import { Snapshots } from "../state/snapshots.ts"
import { Runtime } from "./runtime.ts"

/** Time that stands still: nothing that is set on it ever comes. */
const stillClock: Clock = {
  wallMs: () => 0,
  bootMs: () => 0,
  after: () => ({ cancel: () => {} }),
  every: () => ({ cancel: () => {} }),
}

/** A look for obstacles comes behind the answer, and need not be fast; /proc is slow, 10 ms a look here. */
const lookAtNothing: LookDeps = {
  run: runNobody,
  findProgram: () => undefined,
  readText: () => "",
  listFolder: () => [],
  addresses: () => new Set(),
  loginPorts: () => [],
}

/** More make no first open faster; 90 ms here. */
export const warmUpRounds = 60

/**
 * Takes a knock from the listener's line to the loaders and back to its answer `rounds` times, in a session of its own with a
 * secret that nobody has and a firewall that is none: V8 compiles a function when it is first called, and the first knock
 * would wait for that.
 *
 * @returns how often that firewall was opened and a knock answered; resolves when the last one has settled
 */
export async function warmUpSession(rounds: number): Promise<{ opens: number; answers: number }> {
  const secret = new Uint8Array(randomBytes(16))
  const keys = deriveKeys(secret)
  // Nothing is kept: no snapshot of this machine's rules is taken.
  const firewall = Object.assign(await firewallOfNobody(stillClock), { opened: async () => undefined })
  let settled: () => void = () => {}
  const emit = ({ event }: Outcome): void => {
    if (event === "opened" || event === "open-failed") settled()
  }
  const marker = new OpenMarker("/dev/null")
  const session = new Runtime(
    {
      clock: stillClock,
      run: runNobody,
      firewall,
      snapshots: new Snapshots({
        run: runNobody,
        clock: stillClock,
        stateFolder: "",
        runtimeFolder: "",
        emit,
      }),
      writer: { write: () => true, mark: (state) => marker.write(state), leave: () => {} },
      look: lookAtNothing,
      connections: () => [],
      spawnListener: () => {
        throw new Error("nobody listens here")
      },
      emit,
      nonceCapacity: 16,
    },
    newSession(configurationOf(secret), undefined, { bootMs: 0, wallMs: 0 }),
  )
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
    const [source, destination] = ["192.0.2.2", "192.0.2.1"]
    const way = { source, destination, device: "any", flow: "first", carrier: "echo", port: 0 } as const
    const message = parseFromListener(toLine({ type: "knock", ref: round, data, ...way }))
    if (message?.type !== "knock") break
    const done = new Promise<void>((resolve) => {
      settled = resolve
    })
    let answered = false
    session.knock(message, () => {
      answered = true
    })
    if (session.record.tasks.length === 0) break // it was not taken
    await done
    answers += answered ? 1 : 0
  }
  marker.close()
  return { opens: session.record.opens, answers }
}

const configurationOf = (secret: Uint8Array): SessionConfiguration => ({
  ...plainestSession,
  timeoutMs: 60_000,
  secrets: [{ host: "", name: "", kind: "one-time", secret: Buffer.from(secret).toString("hex") }],
})
