import { readFileSync } from "node:fs"
import type { Socket } from "node:net"
import type { Clock, Timer } from "../clock.ts"
import { Fault } from "../errors.ts"
import { deriveKeys } from "../knock/keys.ts"
import type { SecretEntry } from "../knock/secret-file.ts"
import { networkDevices } from "../listener/network-devices.ts"
import { type Outcome, outcomeOfFault } from "../report/outcome.ts"
import { resolveHost } from "../sender/resolve.ts"
import type { Knocker } from "../sender/send.ts"
import type { PortCheck } from "../sender/tcp-check.ts"
import { formatDuration } from "./duration.ts"
import type { KnockOptions } from "./knock-options.ts"
import { knockOutcome, plainOutcome } from "./knock-outcome.ts"
import type { Terminal } from "./terminal.ts"

/** How long a port is looked at; milliseconds. */
const checkLimitMs = 3000
const progressMs = 200

/** What knocking needs of the machine. */
export interface KnockMeans {
  readonly clock: Clock
  readonly knocker: Knocker
  readonly terminal: Terminal
}

/**
 * Knocks at all hosts at the same time and reports each as it ends.
 * @param secrets one for every host; none are wanted with `options.plain`
 * @returns every host's outcome, in the order in which they ended
 */
export async function knockAtHosts(
  options: KnockOptions,
  secrets: ReadonlyMap<string, SecretEntry>,
  means: KnockMeans,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const progress = new Progress(options, means)
  try {
    await Promise.all(
      options.hosts.map(async (host) => {
        let outcome: Outcome
        try {
          outcome = await knockAtHost(host, options, secrets.get(host), means, progress)
        } catch (thrown) {
          outcome = failed(host, options, thrown)
        }
        progress.ended(host)
        means.terminal.report(outcome)
        outcomes.push(outcome)
      }),
    )
  } finally {
    progress.stop()
  }
  return outcomes
}

async function knockAtHost(
  host: string,
  options: KnockOptions,
  secret: SecretEntry | undefined,
  { clock, knocker }: KnockMeans,
  progress: Progress,
): Promise<Outcome> {
  const addresses = await resolveHost(
    host,
    options.family,
    async (name, family) => {
      const { lookup } = await import("node:dns/promises")
      return await lookup(name, { all: true, family, verbatim: true })
    },
    interfaceNames,
  )
  const { checkPort, verb, waitMs } = options
  if (options.plain !== undefined) {
    const { enough, check } = await untilOpen(addresses, options, clock)
    const report = await knocker.sendPlain(addresses, options.plain, waitMs, enough)
    return plainOutcome({ host, report, check: await check })
  }
  if (secret === undefined) throw new Fault("usage", `there is no secret for ${host}`)
  const connection = verb === "confirm" ? await connectFirst(host, addresses, options, clock) : undefined
  try {
    // A probe only looks, so its two looks go side by side; after a reset the port is news.
    const beside = verb === "probe" ? checkAny(addresses, checkPort, clock) : undefined
    const knock = {
      host,
      addresses,
      keys: deriveKeys(secret.secret),
      verb,
      hard: options.hard,
      oneWay: options.oneWay,
    }
    const report = await knocker.knock(knock, waitMs, (packets) => progress.sent(host, packets))
    const ways = report.address === undefined ? addresses : [report.address]
    const check = verb === "confirm" ? undefined : await (beside ?? checkAny(ways, checkPort, clock))
    return knockOutcome({ host, verb, hard: options.hard, waitMs, report, check })
  } finally {
    connection?.destroy()
  }
}

/**
 * By the kernel's own list, where there is one; elsewhere any name will do. Node's own list leaves out an interface whose link
 * is only just coming up.
 */
function interfaceNames(): string[] | undefined {
  try {
    return networkDevices(readFileSync("/proc/self/net/dev", "utf8"))
  } catch {
    return undefined
  }
}

/** The best state of the port over all addresses: one that is open is the way in. */
async function checkAny(
  addresses: readonly string[],
  port: number | undefined,
  clock: Clock,
): Promise<PortCheck | undefined> {
  if (port === undefined) return undefined
  const { checkTcp } = await import("../sender/tcp-check.ts")
  const checks = await Promise.all(
    addresses.map((address) => checkTcp(address, port, clock, { limitMs: checkLimitMs })),
  )
  return (
    checks.find((check) => check.state === "open") ??
    checks.find((check) => check.state === "closed") ??
    checks[0]
  )
}

/** For a bare text: looks at the port all the time, and says when it is open. */
async function untilOpen(
  addresses: readonly string[],
  { checkPort, waitMs }: KnockOptions,
  clock: Clock,
): Promise<{ enough: AbortSignal; check: Promise<PortCheck | undefined> }> {
  const opened = new AbortController()
  if (checkPort === undefined) return { enough: opened.signal, check: Promise.resolve(undefined) }
  const { checkTcp } = await import("../sender/tcp-check.ts")
  const looks = addresses.map(async (address) => {
    const check = await checkTcp(address, checkPort, clock, {
      limitMs: waitMs,
      untilOpen: true,
      signal: opened.signal,
    })
    if (check.state === "open") opened.abort()
    return check
  })
  const best = Promise.all(looks).then(
    (checks) =>
      checks.find((check) => check.state === "open") ??
      checks.find((check) => check.state === "closed") ??
      checks[0],
  )
  return { enough: opened.signal, check: best }
}

/** `confirm` says that new connections get in; so one has to, and it stays while the server looks for it. */
async function connectFirst(
  host: string,
  addresses: readonly string[],
  { checkPort = 22 }: KnockOptions,
  clock: Clock,
): Promise<Socket> {
  const { connectTcp } = await import("../sender/tcp-check.ts")
  for (const address of addresses) {
    const { connection } = await connectTcp(address, checkPort, clock, { limitMs: checkLimitMs })
    if (connection !== undefined) return connection
  }
  throw new Fault(
    "refused",
    `nothing was confirmed: no new connection to tcp/${checkPort} of ${host} comes up`,
    {
      hint: `the change there locks you out and will be rolled back by itself; sooner: fw-knock rollback ${host}`,
    },
  )
}

function failed(host: string, { verb }: KnockOptions, thrown: unknown): Outcome {
  const outcome = outcomeOfFault(thrown, { host, verb })
  const message = outcome.message.includes(host) ? outcome.message : `${host}: ${outcome.message}`
  return { ...outcome, message }
}

/** `waiting for web1: 5 packets, 1s of 10s`, on a terminal only, from the first packet on. */
class Progress {
  readonly #options: KnockOptions
  readonly #means: KnockMeans
  readonly #waiting: Set<string>
  readonly #packets = new Map<string, number>()
  readonly #startedMs: number
  readonly #timer: Timer | undefined

  constructor(options: KnockOptions, means: KnockMeans) {
    this.#options = options
    this.#means = means
    this.#waiting = new Set(options.hosts)
    this.#startedMs = means.clock.bootMs()
    this.#timer = options.json ? undefined : means.clock.every(progressMs, () => this.#show())
  }

  sent(host: string, packets: number): void {
    this.#packets.set(host, packets)
  }

  ended(host: string): void {
    this.#waiting.delete(host)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #show(): void {
    const hosts = [...this.#waiting].join(", ")
    const packets = [...this.#packets.values()].reduce((sum, count) => sum + count, 0)
    const passed = Math.floor((this.#means.clock.bootMs() - this.#startedMs) / 1000)
    this.#means.terminal.progress(
      `waiting for ${hosts}: ${packets} packets, ${passed}s of ${formatDuration(this.#options.waitMs)}`,
    )
  }
}
