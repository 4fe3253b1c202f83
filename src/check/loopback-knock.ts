import { randomBytes } from "node:crypto"
import { type Capture, openCapture } from "../capture/pcap-source.ts"
import type { Clock } from "../clock.ts"
import { Fault, reasonOf } from "../errors.ts"
import { ListenerSupervisor, type SpawnListener } from "../guard/listeners/supervisor.ts"
import { roadOf, roadsOf } from "../guard/machine/configuration.ts"
import { deriveKeys, type KnockKeys } from "../knock/keys.ts"
import { encodeRequest } from "../knock/request.ts"
import { formatDuration } from "../report/duration.ts"
import { encodeSegmentFrame } from "../wire/carrier-frame.ts"
import { encodeFrame } from "../wire/frame.ts"
import { freshIpv4Header, protocolIcmp } from "../wire/ipv4.ts"
import type { LinkHeader } from "../wire/link/link.ts"
import { protocolTcp, tcpFlags } from "../wire/tcp.ts"
import type { Finding } from "./finding.ts"

/** How long a knock over loopback may take, in milliseconds; it takes about one. */
const heardWithinMs = 3000

export interface LoopbackKnockDeps {
  readonly clock: Clock
  readonly spawn: SpawnListener
  readonly user: { readonly uid: number; readonly gid: number }
  /** The TCP ports of the second road. */
  readonly tcpPorts: readonly number[]
}

/**
 * Sends this host a knock over loopback and has a real listener hear it: capture, filter, privileges, screen, pipe. The
 * knock is injected below the firewall, where OUTPUT cannot stop it, and its secret is made for this one packet, so no
 * armed session hears it.
 */
export async function loopbackKnock(deps: LoopbackKnockDeps): Promise<Finding> {
  const keys = deriveKeys(new Uint8Array(randomBytes(16)))
  const tcpPorts = deps.tcpPorts
  const waited = new Set([0, ...tcpPorts])
  let over: () => void = () => {}
  const arrivals = new Promise<void>((resolve) => {
    over = resolve
    deps.clock.after(heardWithinMs, resolve)
  })
  const listener = new ListenerSupervisor({
    spawn: deps.spawn,
    clock: deps.clock,
    setup: [
      { type: "configure", devices: [], from: [], plain: "", tcpPorts, ...deps.user },
      {
        type: "key",
        id: keys.id,
        tag: Buffer.from(keys.requestTag).toString("hex"),
        screenKey: Buffer.from(keys.screenKey).toString("hex"),
      },
      { type: "start" },
    ],
    events: {
      onKnock: ({ port }) => {
        waited.delete(port)
        if (waited.size === 0) over()
      },
      onPlain: () => {},
      onEnded: () => {},
      onReplaced: () => {},
    },
  })
  let loopback: Capture | undefined
  try {
    await listener.start()
    loopback = openCapture({ device: "lo", filter: "less 1", onFrame: () => {}, bufferSize: 65_536 })
    for (const port of waited) {
      const refusal = loopback.inject(knockFrame(keys, deps.clock.wallMs(), port))
      if (refusal !== undefined) return problem(`a knock could not be injected on lo: ${refusal}`)
    }
    await arrivals
    if (waited.size === 0)
      return {
        ...{ level: "ok", subject: "hearing" },
        message: `a knock over loopback was heard, by ${roadsOf(tcpPorts).join(", ")}`,
      }
    return problem(
      `a knock over loopback was not heard within ${formatDuration(heardWithinMs)}, by ${[...waited].map(roadOf).join(", ")}`,
    )
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

/** A whole frame for `lo`, whose link addresses are all zero: an echo request, or a SYN to `port`. */
function knockFrame(keys: KnockKeys, wallMs: number, port: number): Uint8Array {
  const here = Uint8Array.of(127, 0, 0, 1)
  const data = encodeRequest(keys, {
    verb: "probe",
    oneWay: false,
    hard: false,
    clientTimeMs: wallMs,
    nonce: new Uint8Array(randomBytes(16)),
  })
  const nothing = new Uint8Array(0)
  const zero = new Uint8Array(6)
  const link: LinkHeader = {
    ...{ type: "ethernet", destination: zero, source: zero, vlanTags: [] },
    etherType: 0x0800,
  }
  if (port === 0)
    return encodeFrame({
      ...{ link, trailer: nothing },
      ip: freshIpv4Header(here, here, protocolIcmp),
      echo: { kind: "request", identifier: 1, sequence: 1, data, checksum: undefined },
    })
  return encodeSegmentFrame({
    ...{ link, trailer: nothing },
    ip: freshIpv4Header(here, here, protocolTcp),
    segment: {
      ...{ sourcePort: 1, destinationPort: port, sequence: 0, acknowledgment: 0, flags: tcpFlags.syn },
      ...{ window: 0xffff, checksum: undefined, urgentPointer: 0, options: nothing, data },
    },
  })
}
