import type { Knock, KnockReport } from "../../client/knocker.ts"
import type { Pace } from "../../client/pace.ts"
import type { Carrier } from "../../client/paths.ts"
import type { Lookup } from "../../client/resolve.ts"
import type { Clock } from "../../clock.ts"
import { Fault } from "../../errors.ts"
import { verbs } from "../../knock/verbs.ts"
import { type Outcome, outcomeOfFault } from "../../report/outcome.ts"
import type { Terminal } from "../terminal/terminal.ts"
import { carriersTo } from "./carriers.ts"
import { Progress } from "./crowd/progress.ts"
import { notTried, type Tally } from "./crowd/tally.ts"
import { addressesOf } from "./known-hosts/addresses.ts"
import { loginCommand, sshPort } from "./known-hosts/known-hosts.ts"
import type { KnockOptions } from "./options.ts"
import { knockOutcome, plainOutcome } from "./outcome.ts"
import { untilOpen } from "./port-check.ts"
import type { Road } from "./road.ts"
import type { Roads } from "./roads.ts"
import type { WantedHost } from "./secrets.ts"

/** So long at least the other road is looked at; milliseconds. */
const leastLookMs = 400

/** The means to knock, given by the machine. */
export interface KnockMeans {
  readonly clock: Clock
  readonly roads: Roads
  readonly terminal: Terminal
  /** Takes every end. */
  readonly tally: Tally
  /** Lets hosts begin. */
  readonly pace: Pace
  /** Lets ports be looked at, behind the knocks. */
  readonly looks: Pace
  /** Asks for many names at a time; undefined where a few are asked for. */
  readonly lookup: Lookup | undefined
  /** Of so many hosts in all that each gets less attention. */
  readonly crowd: boolean
}

/** The end of a knock at one host, for what is to be done when all are over. */
export interface KnockEnd {
  readonly host: WantedHost
  readonly outcome: Outcome
  /** The addresses that were knocked at; none when it did not come to that. */
  readonly addresses: readonly string[]
  /** The one that an authentic answer came from. */
  readonly answeredFrom: string | undefined
  /** The carrier of that answer. */
  readonly carrier: Carrier | undefined
}

/**
 * Knocks at all hosts, each as soon as its turn has come, and has each told as it ends.
 * @param hosts each with its secret; none are wanted with `options.plain`
 * @returns every host's end, in the order in which they ended, and the packets that were sent to them
 */
export async function knockAtHosts(
  options: KnockOptions,
  hosts: readonly WantedHost[],
  means: KnockMeans,
): Promise<{ readonly ends: KnockEnd[]; readonly packetsSent: number }> {
  const ends: KnockEnd[] = []
  const { tally, pace, clock, terminal, crowd } = means
  const typed = hosts.map((host) => host.typed)
  const progress = new Progress(typed, crowd, options, clock, terminal)
  try {
    await Promise.all(
      hosts.map((host) =>
        pace.run(async () => {
          const end = await endOf(host, options, means, progress)
          progress.ended(host.typed)
          tally.add(host.typed, end.outcome)
          ends.push(end)
        }),
      ),
    )
  } finally {
    progress.stop()
  }
  return { ends, packetsSent: progress.packets }
}

async function endOf(
  host: WantedHost,
  options: KnockOptions,
  means: KnockMeans,
  progress: Progress,
): Promise<KnockEnd> {
  const { stopped } = means.tally
  if (stopped !== undefined) return withoutKnock(host, leftAlone(host.typed, options, stopped))
  try {
    return await knockAtHost(host, options, means, progress)
  } catch (thrown) {
    return withoutKnock(host, failed(host.typed, options, thrown))
  }
}

const withoutKnock = (host: WantedHost, outcome: Outcome): KnockEnd => ({
  host,
  outcome,
  addresses: [],
  answeredFrom: undefined,
  carrier: undefined,
})

async function knockAtHost(
  wanted: WantedHost,
  options: KnockOptions,
  { clock, roads, looks, lookup, crowd }: KnockMeans,
  progress: Progress,
): Promise<KnockEnd> {
  const { typed: host, secret } = wanted
  if (secret instanceof Fault) throw secret
  const addresses = await addressesOf(wanted, options.family, options.waitMs, clock, lookup)
  const { verb, waitMs } = options
  const { needsConnection, changesNothing } = verbs[verb]
  // Whether knocks arrive is asked of a crowd, and thousands of connections more would be news only behind a change.
  const looksUnasked = !(crowd && changesNothing)
  const port =
    options.check === false ? undefined : (options.check ?? (looksUnasked ? sshPort(wanted) : undefined))
  const login = loginCommand(wanted)
  const onPacket = (packets: number): void => progress.sent(host, packets)
  const carriers = carriersTo(options.road, wanted.record, sshPort(wanted))
  const road = await roads.to(wanted.record)
  if (options.plain !== undefined) {
    if (roads.jumpTo(wanted.record) !== undefined)
      throw new Fault("usage", `a bare text goes to ${host} from here only, and not by a jump host`, {
        hint: "--via none",
      })
    const { enough, check } = await untilOpen(addresses, port, waitMs, clock)
    const report = await road.knocker.sendPlain(addresses, options.plain, waitMs, enough, onPacket)
    const outcome = plainOutcome({ host, login, report, check: await check })
    return { host: wanted, outcome, addresses, answeredFrom: undefined, carrier: undefined }
  }
  if (secret === undefined) throw new Fault("usage", `there is no secret for ${host}`)
  const connection = needsConnection
    ? await road.connect(host, addresses, port ?? sshPort(wanted))
    : undefined
  try {
    // A probe only looks, so its two looks go side by side, the knock first; after a reset the port is news.
    const beside =
      changesNothing && !crowd ? sendingsDone().then(() => road.check(addresses, port)) : undefined
    const knock = {
      host,
      addresses,
      secret: secret.secret,
      verb,
      hard: options.hard,
      oneWay: options.oneWay,
      thin: crowd,
      carriers,
    }
    const report = await road.knocker.knock(knock, waitMs, onPacket)
    const also = changesNothing && !crowd ? await otherRoad(road, knock, report) : undefined
    const ways = report.address === undefined ? addresses : [report.address]
    // Of a crowd nobody waits for the ports of those that are silent.
    const looksAt = !needsConnection && !(crowd && report.address === undefined)
    const check = looksAt ? await (beside ?? looks.run(() => road.check(ways, port))) : undefined
    const outcome = knockOutcome({ host, login, verb, hard: options.hard, waitMs, report, check, also })
    return { host: wanted, outcome, addresses, answeredFrom: report.address, carrier: report.carrier }
  } finally {
    connection?.destroy()
  }
}

/**
 * Where echo requests carry knocks, a look whether the TCP port would too: somebody may shut the one and not the other. It takes
 * twice the round trip where it does, and a little longer where it does not.
 */
async function otherRoad(
  road: Road,
  knock: Knock,
  { carrier, roundTripMs = 0, address }: KnockReport,
): Promise<Carrier | undefined> {
  const tcpPort = knock.carriers?.tcpPort
  if (carrier !== "icmp" || tcpPort === undefined || address === undefined) return undefined
  const byTcp = { ...knock, addresses: [address], carriers: { icmp: false, tcpPort } }
  const { final } = await road.knocker.knock(byTcp, Math.max(leastLookMs, 4 * roundTripMs))
  return final ? tcpPort : undefined
}

/** Resolves when the packets that are to go out now have gone: node runs immediates after it has read and written. */
const sendingsDone = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function leftAlone(host: string, { verb }: KnockOptions, why: string): Outcome {
  const message = `${host}: not tried, ${why}`
  return { event: notTried, code: "refused", message, facts: { host, verb } }
}

function failed(host: string, { verb }: KnockOptions, thrown: unknown): Outcome {
  const outcome = outcomeOfFault(thrown, { host, verb })
  const message = outcome.message.includes(host) ? outcome.message : `${host}: ${outcome.message}`
  return { ...outcome, message }
}
