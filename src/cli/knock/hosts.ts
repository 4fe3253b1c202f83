import { readFileSync } from "node:fs"
import type { Knocker } from "../../client/knocker.ts"
import { resolveHost } from "../../client/resolve.ts"
import type { Clock } from "../../clock.ts"
import { Fault } from "../../errors.ts"
import { deriveKeys } from "../../knock/keys.ts"
import { verbs } from "../../knock/verbs.ts"
import { type Outcome, outcomeOfFault } from "../../report/outcome.ts"
import type { SecretEntry } from "../../secrets/secret-file.ts"
import { networkDevices } from "../../system/network/network-devices.ts"
import type { Terminal } from "../terminal/terminal.ts"
import type { KnockOptions } from "./options.ts"
import { knockOutcome, plainOutcome } from "./outcome.ts"
import { checkAny, connectFirst, untilOpen } from "./port-check.ts"
import { Progress } from "./progress.ts"

/** The means to knock, given by the machine. */
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
  const progress = new Progress(options, means.clock, means.terminal)
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
    (name, family) => lookUp(name, family, options.waitMs, clock),
    interfaceNames,
  )
  const { checkPort, verb, waitMs } = options
  const onPacket = (packets: number): void => progress.sent(host, packets)
  if (options.plain !== undefined) {
    const { enough, check } = await untilOpen(addresses, options, clock)
    const report = await knocker.sendPlain(addresses, options.plain, waitMs, enough, onPacket)
    return plainOutcome({ host, report, check: await check })
  }
  if (secret === undefined) throw new Fault("usage", `there is no secret for ${host}`)
  const { needsConnection, changesNothing } = verbs[verb]
  const connection = needsConnection ? await connectFirst(host, addresses, options, clock) : undefined
  try {
    // A probe only looks, so its two looks go side by side, the knock first; after a reset the port is news.
    const beside = changesNothing
      ? sendingsDone().then(() => checkAny(addresses, checkPort, clock))
      : undefined
    const knock = {
      host,
      addresses,
      keys: deriveKeys(secret.secret),
      verb,
      hard: options.hard,
      oneWay: options.oneWay,
    }
    const report = await knocker.knock(knock, waitMs, onPacket)
    const ways = report.address === undefined ? addresses : [report.address]
    const check = needsConnection ? undefined : await (beside ?? checkAny(ways, checkPort, clock))
    return knockOutcome({ host, verb, hard: options.hard, waitMs, report, check })
  } finally {
    connection?.destroy()
  }
}

/** Resolves when the packets that are to go out now have gone: node runs immediates after it has read and written. */
const sendingsDone = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Asks the machine's resolver, for as long as a knock may take: name servers may be behind the shut firewall. */
async function lookUp(
  name: string,
  family: 0 | 4 | 6,
  limitMs: number,
  clock: Clock,
): Promise<readonly { readonly address: string }[]> {
  const { lookup } = await import("node:dns/promises")
  return await new Promise((resolve, reject) => {
    const silence = (): void => reject(Object.assign(new Error("no answer"), { code: "EAI_AGAIN" }))
    const timer = clock.after(limitMs, silence)
    lookup(name, { all: true, family, verbatim: true })
      .then(resolve, reject)
      .finally(() => timer.cancel())
  })
}

/**
 * The interfaces in the kernel's own list; undefined where there is no such list. Node's list leaves out an interface
 * whose link is only just coming up.
 */
function interfaceNames(): string[] | undefined {
  try {
    return networkDevices(readFileSync("/proc/self/net/dev", "utf8"))
  } catch {
    return undefined
  }
}

function failed(host: string, { verb }: KnockOptions, thrown: unknown): Outcome {
  const outcome = outcomeOfFault(thrown, { host, verb })
  const message = outcome.message.includes(host) ? outcome.message : `${host}: ${outcome.message}`
  return { ...outcome, message }
}
