import type { Clock, Timer } from "../clock.ts"
import { Fault } from "../errors.ts"
import type { Answer } from "../knock/answer.ts"
import { Exchange } from "../knock/exchange.ts"
import { deriveKeys } from "../knock/keys.ts"
import type { Verb } from "../knock/verbs.ts"
import { openTransmitters, type Transmitters } from "../transmit/open-transmitters.ts"
import { type PathReport, Paths } from "./paths.ts"
import { SentPackets } from "./sent-packets.ts"

/** After an answer that the server has yet to verify, this long is waited for the verified one; milliseconds. */
const awaitVerifiedMs = 3000
/** So long echo requests go alone, so that the next copy goes by both: 1000 or 1200 ms from the first. Milliseconds. */
const icmpAloneMs = 950
/** The times at which a bare text is sent, in milliseconds after the first; then on at the last distance. */
const plainSendsMs = [0, 1000, 2500]

/** The carriers of a knock. */
export interface Carriers {
  readonly icmp: boolean
  /** Segments to this TCP port, too. */
  readonly tcpPort?: number | undefined
  /** From the first packet on, and not only when echo requests have been silent for a while. */
  readonly tcpAtOnce?: boolean
}

/** Echo requests and nothing else. */
const echoes: Carriers = { icmp: true }

/** A knock at one host. */
export interface Knock {
  readonly host: string
  /** Numeric addresses of this one host; at least one. All are knocked at: the server acts once for all copies. */
  readonly addresses: readonly string[]
  /** Its 16 secret bytes. */
  readonly secret: Uint8Array
  readonly verb: Verb
  readonly hard: boolean
  readonly oneWay: boolean
  /** Echo requests unless told. */
  readonly carriers?: Carriers
  /** One of so many that its copies are few and far between. */
  readonly thin?: boolean
}

/** The end of one host's knock, as far as it is known. */
export interface KnockReport extends PathReport {
  /** The best authentic answer; undefined when none came. */
  readonly answer: Answer | undefined
  /** Nothing better than `answer` is to come: false when the time was over first. */
  readonly final: boolean
  /** The address that the answer came from, one of those given; undefined when none came. */
  readonly address: string | undefined
  /** Milliseconds from the first packet to the first answer that says what was done. */
  readonly roundTripMs: number | undefined
  /** The request that was sent last. */
  readonly stage: "first" | "one-way" | "follow-up"
}

export interface KnockerOptions {
  readonly clock: Clock
  /** Random bytes from the system's generator. */
  readonly random: (length: number) => Uint8Array
  /** Sockets of the caller's; without them this machine's are opened. */
  readonly open?: typeof openTransmitters
}

/** Knocks at any number of hosts at the same time, through one socket a family. */
export interface Knocker {
  /**
   * Sends until a final answer is in or `waitMs` is over; a little longer when the server has acted and not yet looked.
   * @param onPacket is told how many packets were sent so far, for progress
   * @throws Fault `permission` or `missing` when no address can be sent to from this process
   */
  knock(knock: Knock, waitMs: number, onPacket?: (packetsSent: number) => void): Promise<KnockReport>
  /** Sends a bare text until `waitMs` is over or `signal` says that it is enough. @throws Fault as `knock` */
  sendPlain(
    addresses: readonly string[],
    data: Uint8Array,
    waitMs: number,
    signal?: AbortSignal,
    onPacket?: (packetsSent: number) => void,
  ): Promise<PathReport>
  close(): void
}

/** The sockets are opened by the first knock, not here. */
export function openKnocker(options: KnockerOptions): Knocker {
  const { clock, random } = options
  const identifier = u16(random)
  const sent = new SentPackets<Paths>(u16(random))
  const transmitters: Transmitters = (options.open ?? openTransmitters)(
    {
      reply(reply) {
        const answers = sent.answers(reply)
        for (const { sender, data } of answers) sender.onReply({ ...reply, data })
        if (answers.length === 0) sent.numbered(reply)?.noAnswer(reply)
      },
      unreachable: (message) => sent.numbered(message)?.unreachable(message),
    },
    random,
  )

  async function withPaths<T>(
    addresses: readonly string[],
    { icmp, tcpPort, tcpAtOnce }: Carriers,
    use: (paths: Paths) => Promise<T>,
  ): Promise<T> {
    const paths = new Paths(addresses, transmitters, identifier, sent)
    let later: Timer | undefined
    try {
      if (icmp) await openPings(paths, tcpPort !== undefined)
      if (tcpPort !== undefined) {
        if (tcpAtOnce || !icmp || !paths.any) await paths.open(tcpPort)
        else later = clock.after(icmpAloneMs, () => void paths.open(tcpPort).catch(() => {}))
      }
      return await use(paths)
    } finally {
      later?.cancel()
      paths.close()
    }
  }

  return {
    knock: (knock, waitMs, onPacket = () => {}) =>
      withPaths(knock.addresses, knock.carriers ?? echoes, (paths) =>
        exchange(paths, knock, waitMs, clock, random, onPacket),
      ),
    sendPlain: (addresses, data, waitMs, signal, onPacket = () => {}) =>
      withPaths(addresses, echoes, (paths) => repeatPlain(paths, data, waitMs, clock, signal, onPacket)),
    close: () => transmitters.close(),
  }
}

function exchange(
  paths: Paths,
  knock: Knock,
  waitMs: number,
  clock: Clock,
  random: (length: number) => Uint8Array,
  onPacket: (packetsSent: number) => void,
): Promise<KnockReport> {
  const now = (): { bootMs: number; wallMs: number } => ({ bootMs: clock.bootMs(), wallMs: clock.wallMs() })
  const startedMs = clock.bootMs()
  const state = new Exchange({ ...knock, keys: deriveKeys(knock.secret), random }, now())
  let roundTripMs: number | undefined

  return new Promise((resolve) => {
    let timer: Timer | undefined
    let deadline = clock.after(waitMs, finish)
    let provisional = false

    function finish(): void {
      timer?.cancel()
      deadline.cancel()
      paths.onReply = () => {}
      resolve({
        ...paths.report(),
        answer: state.answer,
        final: state.done,
        address: paths.proven,
        roundTripMs,
        stage: state.stage,
      })
    }

    function pump(): void {
      timer?.cancel()
      const bytes = state.send(now())
      if (bytes !== undefined) {
        paths.send(bytes, clock.bootMs())
        onPacket(paths.packetsSent)
      }
      const dueMs = state.nextSendMs()
      if (dueMs !== undefined) timer = clock.after(Math.max(1, Math.ceil(dueMs - clock.bootMs())), pump)
    }

    paths.onReply = (reply) => {
      const received = state.receive(reply.data, now())
      if (received.kind === "ignored") return
      paths.prove(reply)
      if (received.kind !== "follow-up") roundTripMs ??= clock.bootMs() - startedMs
      if (received.kind === "final") return finish()
      if (received.kind === "provisional" && !provisional) {
        provisional = true
        deadline.cancel()
        deadline = clock.after(awaitVerifiedMs, finish)
      }
      pump()
    }
    pump()
  })
}

function repeatPlain(
  paths: Paths,
  data: Uint8Array,
  waitMs: number,
  clock: Clock,
  signal: AbortSignal | undefined,
  onPacket: (packetsSent: number) => void,
): Promise<PathReport> {
  return new Promise((resolve) => {
    let sends = 0
    let timer: Timer | undefined
    const deadline = clock.after(waitMs, () => finish())

    const finish = (): void => {
      timer?.cancel()
      deadline.cancel()
      signal?.removeEventListener("abort", finish)
      resolve(paths.report())
    }
    const pump = (): void => {
      paths.send(data, clock.bootMs())
      onPacket(paths.packetsSent)
      const [at, next] = [plainDueMs(sends), plainDueMs(sends + 1)]
      sends += 1
      timer = clock.after(next - at, pump)
    }
    pump() // at least once, however early it is enough
    signal?.addEventListener("abort", finish)
    if (signal?.aborted) finish()
  })
}

function plainDueMs(n: number): number {
  const last = plainSendsMs.length - 1
  const distance = (plainSendsMs[last] ?? 0) - (plainSendsMs[last - 1] ?? 0)
  return plainSendsMs[n] ?? (plainSendsMs[last] ?? 0) + (n - last) * distance
}

function u16(random: (length: number) => Uint8Array): number {
  const [high = 0, low = 0] = random(2)
  return (high << 8) | low
}

/** Where segments may do, pings that cannot be sent from here are told of in the report, and no more. */
async function openPings(paths: Paths, mayDoWithout: boolean): Promise<void> {
  try {
    await paths.open("icmp")
  } catch (thrown) {
    if (!mayDoWithout || !(thrown instanceof Fault)) throw thrown
    paths.noPings = thrown
  }
}
