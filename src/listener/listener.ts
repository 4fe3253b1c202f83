import { readFileSync } from "node:fs"
import type { Readable, Writable } from "node:stream"
import { filterText, neighbourFilterText } from "../capture/filter.ts"
import type { Capture } from "../capture/pcap-source.ts"
import { Fault, reasonOf } from "../errors.ts"
import { plainMatcher } from "../knock/plain-text.ts"
import { createScreen, type ScreenKey } from "../knock/screen.ts"
import { LineReader } from "../pipe/line-reader.ts"
import { LineWriter } from "../pipe/line-writer.ts"
import { type FromListener, fittingReady, parseToListener, type ToListener } from "../pipe/messages.ts"
import { favourNobody } from "../system/process/real-time-priority.ts"
import { openReplySockets, type ReplySockets } from "../transmit/reply-sockets.ts"
import { parseAddress } from "../wire/address.ts"
import { sendAnswer } from "./answering.ts"
import { makeCanary } from "./canary.ts"
import { type OnFrame, openCaptures, openLoopback } from "./captures.ts"
import { interfacesChanged, readInterfaces } from "./interface-snapshot.ts"
import { allowedSources, localAddresses } from "./local-addresses.ts"
import { NeighbourProxy } from "./neighbour-proxy.ts"
import { PacketPath } from "./packet-path.ts"
import { dropPrivileges } from "./privileges.ts"
import { TimeSlices } from "./time-slices.ts"

type Configuration = Extract<ToListener, { type: "configure" }>

/** The canary is sent at every second ping. */
const pingsACanary = 2

/** The longest line that the guard says, in bytes: `configure` with many `--from` and `--interface`. */
const longestOrder = 128 * 1024

const monotonicMs = (): number => performance.now()

/**
 * The unprivileged process. It takes its configuration from `input`, opens the captures, gives up root, and then turns
 * packets into messages on `output` until `input` ends: then the guard is gone, and so is the reason to listen.
 *
 * @returns a promise of the exit code: 0 when the guard let go of it, 1 when it could not begin or go on.
 */
export async function runListener(input: Readable, output: Writable): Promise<number> {
  const writer = new LineWriter(output)
  const send = (message: FromListener): boolean => writer.send(message)
  let configuration: Configuration | undefined
  const keys: (ScreenKey & { readonly requestTag: Uint8Array })[] = []
  let running: RunningListener | undefined
  const sockets = await openReplySockets()

  return await new Promise<number>((resolve) => {
    const handle = (message: ToListener): void => {
      switch (message.type) {
        case "configure":
          configuration = message
          return
        case "key":
          keys.push({
            id: message.id,
            requestTag: Buffer.from(message.tag, "hex"),
            screenKey: Buffer.from(message.screenKey, "hex"),
          })
          return
        case "start":
          if (configuration !== undefined && running === undefined)
            running = begin(configuration, keys, sockets, send)
          return
        case "answer":
          return running?.answer(message.ref, Buffer.from(message.data, "hex"))
        case "ping":
          writer.hold() // nobody waits for it: one write, and one wake-up of the guard
          running?.look()
          send({ type: "pong", sequence: message.sequence })
          return
      }
    }
    const reader = new LineReader((line) => {
      const message = parseToListener(line)
      if (message === undefined) return
      try {
        handle(message)
      } catch (thrown) {
        const fault = thrown instanceof Fault ? thrown : new Fault("state-unknown", reasonOf(thrown))
        const { code, message, hint = "" } = fault
        send({ type: "fault", code, message: message.slice(0, 1000), hint: hint.slice(0, 500) })
        output.end(() => resolve(1))
      }
    }, longestOrder)
    input.on("data", (chunk: Buffer) => reader.feed(chunk))
    input.on("end", () => resolve(0))
    input.on("error", () => resolve(1))
    output.on("error", () => resolve(1)) // EPIPE: the guard is gone
  })
}

interface RunningListener {
  /**
   * Reads captures even though nothing announced a packet (see {@link Capture.poke}), looks at interfaces and addresses, and
   * reports counts and the canary.
   */
  look(): void
  answer(ref: number, data: Uint8Array): void
}

function begin(
  configuration: Configuration,
  keys: readonly (ScreenKey & { readonly requestTag: Uint8Array })[],
  sockets: ReplySockets,
  send: (message: FromListener) => boolean,
): RunningListener {
  const { tcpPorts } = configuration
  const plain = configuration.plain !== ""
  const canary = configuration.devices.length === 0 ? makeCanary() : undefined
  const tags = [...keys.map((key) => key.requestTag), ...(canary === undefined ? [] : [canary.tag])]
  const filter = filterText({ tags, plain, tcpPorts })
  let links = readInterfaces()
  let outdated: string | undefined
  let heardCanary = false
  let pings = 0
  const own = localAddresses(monotonicMs)
  const packetPath = new PacketPath({
    screen: createScreen(keys),
    takesCanary: (data) => {
      const heard = canary?.isCanary(data) === true
      heardCanary ||= heard
      return heard
    },
    holdsPlainText: configuration.plain === "" ? () => false : plainMatcher(configuration.plain),
    isLocal: own.isLocal,
    isAllowed: allowedSources(configuration.from),
    tcpPorts,
    nowMs: monotonicMs,
    counts: (device) => device === "any" || configuration.devices.length > 0,
    send,
  })
  const neighbours = new NeighbourProxy({
    ownerOf: own.ownerOf,
    inject: (device, frame) => void captures.get(device)?.inject(frame),
    after: (delayMs, then) => setTimeout(then, delayMs),
    router: forwardsIpv6(),
  })
  const slices = new TimeSlices({ nowMs: monotonicMs, nextTurn: setImmediate })
  const onFrame: OnFrame = (bytes, device, linkType) => {
    if (!slices.allows(device)) return packetPath.skip(device)
    if (linkType === "ethernet" && neighbours.hear(bytes, device)) return
    packetPath.hear(bytes, device, linkType)
  }
  const neighbourFilter = neighbourFilterText(own.all().map(addressBytes))
  const { captures, notes } = openCaptures({
    wanted: configuration.devices,
    knocks: filter,
    neighbours: neighbourFilter,
    onFrame,
    plain,
  })
  const loopback = canary === undefined ? undefined : openLoopback(notes)
  favourNobody()
  dropPrivileges(configuration.uid, configuration.gid)

  const reportCounts = countReporter(packetPath, captures, send)
  const look = (): void => {
    for (const capture of captures.values()) capture.poke()
    const now = readInterfaces()
    links ??= now
    const changed = links === undefined || now === undefined ? undefined : interfacesChanged(links, now)
    // A capture ends with its interface (packet(7), ENETDOWN), and does not come back with it.
    const interrupted = [...captures.values()].some((capture) => capture.interrupted)
    if (changed !== undefined) outdated = changed
    else if (interrupted || outdated !== undefined) outdated = "the interfaces changed, and are as they were"
    if (outdated !== undefined) send({ type: "outdated", why: outdated })
    reportCounts()
    if (heardCanary) send({ type: "canary", is: "heard" })
    heardCanary = false
    pings += 1
    if (canary === undefined || loopback === undefined || pings % pingsACanary !== 0) return
    // Could not send is not deaf: nothing is said of it.
    if (loopback.inject(canary.frame) === undefined) send({ type: "canary", is: "sent" })
  }
  const shown = filterText({ tags: keys.map((key) => key.requestTag), plain, tcpPorts })
  send(fittingReady({ type: "ready", devices: [...captures.keys()], filter: shown, notes }))
  const answer = (ref: number, data: Uint8Array): void => {
    const path = packetPath.pathOf(ref)
    if (path !== undefined) sendAnswer(path, data, { captures, sockets })
  }
  return { look, answer }
}

/** True when this host forwards IPv6: ip-sysctl.rst, conf/all/forwarding. */
function forwardsIpv6(): boolean {
  try {
    return readFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "utf8").trim() !== "0"
  } catch {
    return false
  }
}

const addressBytes = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(4)

/** Sends the counts when they have changed. */
function countReporter(
  packetPath: PacketPath,
  captures: ReadonlyMap<string, Capture>,
  send: (message: FromListener) => boolean,
): () => void {
  let reported = ""
  return () => {
    let missed = 0
    for (const capture of captures.values()) missed += capture.counters().dropped
    const message: FromListener = {
      type: "counts",
      heard: packetPath.heard,
      missed,
      rejected: packetPath.rejected(),
    }
    const line = JSON.stringify(message)
    if (line === reported) return
    reported = line
    send(message)
  }
}
