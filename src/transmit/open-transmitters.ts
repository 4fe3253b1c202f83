import { Fault } from "../errors.ts"
import { openRawTransmitter } from "./raw-socket-transmitter.ts"
import type { Relay } from "./relay.ts"
import type { Heard, Transmitter } from "./transmitter.ts"

/** One transmitter a family and TCP port, opened when it is first wanted and shared by everybody who sends. */
export interface Transmitters {
  /**
   * @param port a TCP port for segments, 1..65535; without it echo requests are sent
   * @throws Fault `permission` or `missing`, with what the operator can do, when neither a raw nor a ping socket can be had.
   *   The answer is remembered: asking again costs nothing.
   */
  of(family: 4 | 6, port?: number): Promise<Transmitter>
  close(): void
}

/** Raw sockets where this process may have them, the kernel's ping sockets and connections where it may not. */
export function openTransmitters(heard: Heard, random: (length: number) => Uint8Array): Transmitters {
  const opened = new Map<string, Promise<Transmitter>>()
  let relay: Promise<Relay> | undefined
  let closed = false

  async function open(family: 4 | 6, port: number | undefined): Promise<Transmitter> {
    try {
      if (port === undefined) return await openRawTransmitter(family, heard)
      const { openSegmentTransmitter } = await import("./segment-transmitter.ts")
      return await openSegmentTransmitter(family, port, heard, random)
    } catch (rawFault) {
      try {
        relay ??= import("./relay.ts").then((module) => module.openRelay())
        return (await relay).transmitter(family, port, heard)
      } catch (pingFault) {
        throw neither(family, rawFault, pingFault)
      }
    }
  }

  return {
    of(family, port) {
      const name = `${family} ${port ?? ""}`
      if (closed) return Promise.reject(new Fault("refused", "the sockets are closed"))
      let transmitter = opened.get(name)
      if (transmitter === undefined) {
        transmitter = open(family, port)
        opened.set(name, transmitter)
      }
      return transmitter
    },
    close() {
      closed = true
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
