import { Fault } from "../errors.ts"
import type { EchoTransmitter, Heard } from "./echo-transmitter.ts"
import type { PingRelay } from "./ping-relay.ts"
import { openRawTransmitter } from "./raw-socket-transmitter.ts"

/** One transmitter a family, opened when it is first wanted and shared by everybody who sends. */
export interface Transmitters {
  /**
   * @throws Fault `permission` or `missing`, with what the operator can do, when neither a raw nor a ping socket can be had.
   *   The answer is remembered: asking again costs nothing.
   */
  of(family: 4 | 6): Promise<EchoTransmitter>
  close(): void
}

/** Raw sockets where this process may have them, the kernel's unprivileged ping sockets where it may not. */
export function openTransmitters(heard: Heard): Transmitters {
  const opened = new Map<4 | 6, Promise<EchoTransmitter>>()
  let relay: Promise<PingRelay> | undefined

  async function open(family: 4 | 6): Promise<EchoTransmitter> {
    try {
      return await openRawTransmitter(family, heard)
    } catch (rawFault) {
      try {
        relay ??= import("./ping-relay.ts").then((module) => module.openPingRelay())
        return (await relay).transmitter(family, heard)
      } catch (pingFault) {
        throw neither(family, rawFault, pingFault)
      }
    }
  }

  return {
    of(family) {
      let transmitter = opened.get(family)
      if (transmitter === undefined) {
        transmitter = open(family)
        opened.set(family, transmitter)
      }
      return transmitter
    },
    close() {
      for (const transmitter of opened.values())
        transmitter.then(
          (it) => it.close(),
          () => {},
        )
      relay?.then(
        (it) => it.close(),
        () => {},
      )
    },
  }
}

function neither(family: 4 | 6, rawFault: unknown, pingFault: unknown): Fault {
  const [raw, ping] = [rawFault, pingFault].map((thrown) =>
    thrown instanceof Fault ? thrown.message : String(thrown),
  )
  const unavailable = rawFault instanceof Fault && rawFault.code === "missing"
  if (unavailable && rawFault.hint === undefined)
    return new Fault("missing", `cannot send over IPv${family}: ${raw}`, { cause: rawFault })
  return new Fault(unavailable ? "missing" : "permission", `cannot send pings: ${raw}, and ${ping}`, {
    hint: unavailable
      ? (rawFault.hint as string)
      : 'run it with sudo, or let every user ping: sudo sysctl -w net.ipv4.ping_group_range="0 2147483647"',
    cause: pingFault,
  })
}
