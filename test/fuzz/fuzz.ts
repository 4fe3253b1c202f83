import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseSavefile } from "../../src/capture/savefile-source.ts"
import { decodeAnswer, encodeAnswer } from "../../src/knock/answer.ts"
import { deriveKeys } from "../../src/knock/keys.ts"
import { encodeRequest, requestMacOf } from "../../src/knock/request.ts"
import { createScreen } from "../../src/knock/screen.ts"
import { createVerifier } from "../../src/knock/verify.ts"
import { PacketPath } from "../../src/listener/packet-path.ts"
import { LineReader } from "../../src/pipe/line-reader.ts"
import { parseFromListener, parseToListener } from "../../src/pipe/messages.ts"
import { decodeArp } from "../../src/wire/arp.ts"
import { answerFrame, decodeCarrier, encodeSegmentFrame } from "../../src/wire/carrier-frame.ts"
import { decodeFrame, encodeFrame, replyFrame } from "../../src/wire/frame.ts"
import type { LinkType } from "../../src/wire/link/link.ts"
import { decodeNeighbour } from "../../src/wire/neighbour-discovery.ts"
import { ethernetSegment } from "../listener/tcp-segments.ts"
import { mutate, seeded } from "./mutate.ts"

/*
 * Structure-aware fuzzing of everything that an attacker's bytes reach: the frame decoders, the knock and answer decoders,
 * and the pipe protocol in both directions. A finding is a throw, an acceptance of bytes that nobody with the secret made, a
 * frame that re-encodes to other bytes, or an input that takes a second of
 * the processor every time: once may be the machine.
 */

const seconds = Number(process.argv[2] ?? 60)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_000)
let next = seeded(seed)
/** One input may take this long of the processor's time before it counts as a hang, in milliseconds. */
const hangMs = 1000

const keys = deriveKeys(new Uint8Array(16).fill(0x5a))
const request = encodeRequest(keys, {
  verb: "reset",
  oneWay: true,
  hard: false,
  clientTimeMs: 1_700_000_000_000,
  nonce: new Uint8Array(16).fill(3),
})
const answer = encodeAnswer(keys, {
  verb: "reset",
  verdict: "opened",
  verified: true,
  pinned: false,
  stillDropping: 0,
  reLocks: 0,
  secondsLeft: 60,
  serverTimeMs: 1_700_000_000_000,
  challenge: undefined,
  requestMac: requestMacOf(request),
})
const verify = createVerifier([{ keys }])

const captures = "test/captures"
const frames = readdirSync(captures)
  .filter((name) => name.endsWith(".pcap"))
  .flatMap((name) => {
    const { linkType, frames: found } = parseSavefile(readFileSync(join(captures, name)), name)
    return found.map(({ bytes }) => ({ linkType, bytes: Uint8Array.from(bytes) }))
  })
// A request without its MACs: no mutation finds them again.
const bare = Uint8Array.from(request, (byte, at) => (at >= 80 ? 0 : byte))
for (const flags of [2, 0x18])
  frames.push({ linkType: "ethernet", bytes: Uint8Array.from(ethernetSegment(bare, { flags })) })
const links: readonly LinkType[] = ["ethernet", "linux-sll", "linux-sll2", "raw", "null"]
const lines = [
  {
    type: "knock",
    ref: 1,
    data: "ab".repeat(128),
    source: "192.0.2.2",
    destination: "192.0.2.1",
    device: "eth0",
    ...{ flow: "first", carrier: "syn", port: 22 },
  },
  { type: "plain", source: "192.0.2.2", destination: "192.0.2.1", device: "eth0" },
  { type: "counts", heard: 1, missed: 0, rejected: { "screen/tag": 2 } },
  { type: "ready", devices: ["any"], filter: "icmp", notes: [] },
  { type: "answer", ref: 1, data: "ab".repeat(128) },
  { type: "configure", devices: [], from: [], plain: "", tcpPorts: [22], uid: 1, gid: 1 },
].map((message) => new TextEncoder().encode(`${JSON.stringify(message)}\n`))

let forwarded = 0
const packetPath = new PacketPath({
  screen: createScreen([{ ...keys }]),
  takesCanary: () => false,
  holdsPlainText: (data) => Buffer.from(data).includes("reset-iptables"),
  isLocal: () => true,
  isAllowed: () => true,
  tcpPorts: [22],
  nowMs: () => performance.now(),
  counts: () => true,
  send: (message) => {
    if (message.type === "knock") forwarded += 1
    return true
  },
})

const pick = <Item>(items: readonly Item[]): Item => items[next() % items.length] as Item
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(Buffer.from(b))
const finding = (what: string, bytes: Uint8Array): never => {
  process.stdout.write(`found: ${what}\n  seed ${seed}, input ${Buffer.from(bytes).toString("hex")}\n`)
  process.exit(1)
}

/** Each throws one mutated input at one decoder and returns the input. */
const targets: readonly (() => Uint8Array)[] = [
  function frame() {
    const { linkType, bytes } = pick(frames)
    const input = mutate(bytes, pick(frames).bytes, next)
    const link = next() % 8 === 0 ? pick(links) : linkType
    const decoded = decodeFrame(input, link)
    if (decoded.ok) {
      if (!same(encodeFrame(decoded.value), input))
        finding(`${link}: a frame re-encodes to other bytes`, input)
      replyFrame(decoded.value, request)
    }
    const carrier = decodeCarrier(input, link)
    if (carrier.ok && "segment" in carrier.value) {
      if (!same(encodeSegmentFrame(carrier.value), input))
        finding(`${link}: a segment re-encodes otherwise`, input)
      answerFrame(carrier.value, request, { before: 0, initial: 0 })
    }
    decodeArp(input)
    decodeNeighbour(input)
    const before = forwarded
    packetPath.hear(input, "any", link)
    if (forwarded > before) finding("a frame without our knock was forwarded", input)
    return input
  },
  function knock() {
    const input = mutate(request, answer, next)
    if (verify(input).ok && !same(input, request)) finding("a bent request was accepted", input)
    return input
  },
  function reply() {
    const input = mutate(answer, request, next)
    if (decodeAnswer(keys, input).ok && !same(input, answer)) finding("a bent answer was accepted", input)
    return input
  },
  function pipe() {
    const input = mutate(pick(lines), pick(lines), next)
    const reader = new LineReader((line) => {
      parseFromListener(line)
      parseToListener(line)
    })
    reader.feed(Buffer.from(input))
    return input
  },
]

const until = performance.now() + seconds * 1000
let inputs = 0
let slowestMs = 0
process.stdout.write(
  `fuzz: ${frames.length} frames, ${lines.length} lines, 2 knocks; seed ${seed}, ${seconds} s\n`,
)

/** Makes and throws one input, the same for the same number; returns it and how long that took, in milliseconds. */
function round(number: number): { input: Uint8Array; tookMs: number } {
  next = seeded(number)
  const startedMs = process.cpuUsage().user / 1000
  let input = new Uint8Array()
  try {
    input = pick(targets)() as typeof input
  } catch (thrown) {
    finding(`a throw: ${thrown instanceof Error ? thrown.stack : String(thrown)}`, input)
  }
  return { input, tookMs: process.cpuUsage().user / 1000 - startedMs }
}

const first = next()
while (performance.now() < until) {
  for (let i = 0; i < 1000; i += 1) {
    const { input, tookMs } = round(first + inputs)
    const fastestMs =
      tookMs < hangMs ? tookMs : Math.min(...[1, 2, 3].map(() => round(first + inputs).tookMs))
    slowestMs = Math.max(slowestMs, fastestMs)
    if (fastestMs > hangMs) finding(`an input took ${Math.round(fastestMs)} ms, four times`, input)
    inputs += 1
  }
}
const memoryMb = Math.round(process.memoryUsage().rss / 1024 / 1024)
process.stdout.write(
  `fuzz: ${inputs} inputs, nothing found; slowest ${slowestMs.toFixed(1)} ms, ${memoryMb} MB\n`,
)
