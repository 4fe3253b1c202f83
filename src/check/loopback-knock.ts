import { randomBytes } from "node:crypto"
import { type Capture, openCapture } from "../capture/pcap-source.ts"
import type { Clock } from "../clock.ts"
import { Fault, reasonOf } from "../errors.ts"
import { ListenerSupervisor, type SpawnListener } from "../guard/listeners/supervisor.ts"
import { deriveKeys, type KnockKeys } from "../knock/keys.ts"
import { encodeRequest } from "../knock/request.ts"
import { formatDuration } from "../report/duration.ts"
import { encodeFrame } from "../wire/frame.ts"
import { freshIpv4Header, protocolIcmp } from "../wire/ipv4.ts"
import type { Finding } from "./finding.ts"

/** How long a knock over loopback may take, in milliseconds; it takes about one. */
const heardWithinMs = 3000

export interface LoopbackKnockDeps {
  readonly clock: Clock
  readonly spawn: SpawnListener
  readonly user: { readonly uid: number; readonly gid: number }
}

/**
 * Sends this host a knock over loopback and has a real listener hear it: capture, filter, privileges, screen, pipe. The
 * knock is injected below the firewall, where OUTPUT cannot stop it, and its secret is made for this one packet, so no
 * armed session hears it.
 */
export async function loopbackKnock(deps: LoopbackKnockDeps): Promise<Finding> {
  const keys = deriveKeys(new Uint8Array(randomBytes(16)))
  let heard: () => void = () => {}
  const arrival = new Promise<boolean>((resolve) => {
    heard = () => resolve(true)
    deps.clock.after(heardWithinMs, () => resolve(false))
  })
  const listener = new ListenerSupervisor({
    spawn: deps.spawn,
    clock: deps.clock,
    setup: [
      { type: "configure", devices: [], from: [], plain: "", ...deps.user },
      {
        type: "key",
        id: keys.id,
        tag: Buffer.from(keys.requestTag).toString("hex"),
        screenKey: Buffer.from(keys.screenKey).toString("hex"),
      },
      { type: "start" },
    ],
    events: {
      onKnock: () => heard(),
      onPlain: () => {},
      onEnded: () => {},
      onReplaced: () => {},
    },
  })
  let loopback: Capture | undefined
  try {
    await listener.start()
    loopback = openCapture({ device: "lo", filter: "less 1", onFrame: () => {}, bufferSize: 65_536 })
    const refusal = loopback.inject(knockFrame(keys, deps.clock.wallMs()))
    if (refusal !== undefined) return problem(`a knock could not be injected on lo: ${refusal}`)
    if (await arrival) return { level: "ok", subject: "hearing", message: "a knock over loopback was heard" }
    return problem(`a knock over loopback was not heard within ${formatDuration(heardWithinMs)}`)
  } catch (thrown) {
    return problem(reasonOf(thrown), thrown instanceof Fault ? thrown.hint : undefined)
  } finally {
    loopback?.close()
    listener.stop()
  }
}

function problem(message: string, advice?: string): Finding {
  return { level: "problem", subject: "hearing", message, ...(advice === undefined ? {} : { advice }) }
}

/** A whole frame for `lo`, whose link addresses are all zero. */
function knockFrame(keys: KnockKeys, wallMs: number): Uint8Array {
  const here = Uint8Array.of(127, 0, 0, 1)
  const data = encodeRequest(keys, {
    verb: "probe",
    oneWay: false,
    hard: false,
    clientTimeMs: wallMs,
    nonce: new Uint8Array(randomBytes(16)),
  })
  return encodeFrame({
    link: {
      type: "ethernet",
      destination: new Uint8Array(6),
      source: new Uint8Array(6),
      vlanTags: [],
      etherType: 0x0800,
    },
    ip: freshIpv4Header(here, here, protocolIcmp),
    echo: { kind: "request", identifier: 1, sequence: 1, data, checksum: undefined },
    trailer: new Uint8Array(0),
  })
}
