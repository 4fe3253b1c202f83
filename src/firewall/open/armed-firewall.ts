import type { Timer } from "../../clock.ts"
import { reasonOf } from "../../errors.ts"
import { NetlinkMonitor, ruleChanges } from "../../system/netlink-monitor.ts"
import { startLoader } from "../../system/standby-process.ts"
import { type Detected, legacyTablesOf, type ReadText, readTextFile } from "../tools/detect.ts"
import { families, isIpFamily, toolName } from "../tools/table.ts"
import type { Dropping, StepResult } from "./backend.ts"
import { openMark, type Scope } from "./backend.ts"
import { type Backends, startBackends } from "./backends.ts"
import type {
  ArmedFirewall,
  FirewallDeps,
  FirewallState,
  Opened,
  OpenInProgress,
  OpenOptions,
  OpenReport,
} from "./contract.ts"

/**
 * How often at most what nf_tables holds is looked at while armed, in milliseconds: a millisecond of work each time. The kernel
 * tells when there is something to see; where it cannot be heard, so often. An open that goes by what has changed since
 * looks again by itself, and is a millisecond later.
 */
const refreshMs = 1_000
/** How often it is looked at although the kernel has told nothing, and what else waits is seen to; milliseconds. */
const restMs = 30_000

/** How long a snapshot may hold up the settling, in milliseconds: a disk that hangs must not leave tables asleep. */
const keepMs = 30_000

/** {@link ArmedFirewall}: the four steps of an open over all backends, and what is kept current between opens. */
export class Armed implements ArmedFirewall {
  readonly #deps: FirewallDeps
  readonly #detected: Detected
  readonly #readText: ReadText
  readonly #backends: Backends
  #monitor: NetlinkMonitor | undefined
  #refreshing = false
  /** A change was told that could not be looked at yet. */
  #outdated = false
  #opening = 0
  /** Settling is done one open after the other; step 1 never waits for it. */
  #settled: Promise<unknown> = Promise.resolve()

  constructor(deps: FirewallDeps, detected: Detected) {
    this.#deps = deps
    this.#detected = detected
    this.#readText = deps.readText ?? readTextFile
    const { run, clock, log = () => {}, start = startLoader } = deps
    this.#backends = startBackends(run, { start, clock, log }, detected, (family) =>
      legacyTablesOf(family, this.#readText),
    )
  }

  /** False when no tool is here that could open anything. */
  get canOpen(): boolean {
    return this.#backends.all.length > 0
  }

  async start(): Promise<void> {
    await this.#refresh()
    const { nft, nftCommand } = this.#backends
    if (this.#deps.leftAsleep && nftCommand) await nft?.takeOverSleeping(nftCommand, this.#deps.leftAsleep)
    await nft?.warmUp()
    const { clock, log = () => {}, start = startLoader } = this.#deps
    const look = () => void this.#refresh()
    this.#monitor = new NetlinkMonitor(ruleChanges, {
      start: nft && start,
      clock,
      log,
      restMs,
      oftenMs: refreshMs,
      onChange: look,
      onTime: look,
    })
  }

  open(options: OpenOptions): OpenInProgress {
    this.#opening += 1
    const started = Promise.all(this.#backends.all.map((backend) => step(() => backend.open(options.scope))))
    const committed = started.then(together)
    const settled = this.#settled.then(async () => {
      const first = await committed
      // Whoever waits for the commit answers the knock first: starting a command costs milliseconds.
      await new Promise((resolve) => setImmediate(resolve))
      return await this.#settle(options, first).catch((thrown: unknown): OpenReport => {
        const failures = [...first.failures, `settling: ${reasonOf(thrown)}`]
        return { ok: false, changed: first.changed, failures, stillDropping: [] }
      })
    })
    this.#settled = settled.finally(() => {
      this.#opening -= 1
      this.#lookAgain()
    })
    return { committed: committed.then((first) => ({ ok: first.failures.length === 0, ...first })), settled }
  }

  async #settle({ scope }: OpenOptions, first: StepResult): Promise<OpenReport> {
    const backends = this.#backends.all
    const keep = async () => {
      const would = await Promise.all(backends.map((backend) => backend.wouldSettle(scope).catch(() => true)))
      return would.includes(true) ? await this.#keep() : undefined
    }
    let kept = await keep()
    const settle = async () =>
      together(await Promise.all(backends.map((backend) => step(() => backend.settle(scope)))))
    let { changed, failures } = await settle()
    let stillDropping = await this.verify(scope)
    if (stillDropping.length > 0) {
      // Another writer that had read the rules before our commit and wrote them after it undid the open: once more.
      kept ??= await keep()
      const again = await settle()
      changed ||= again.changed
      failures = again.failures
      stillDropping = await this.verify(scope)
    }
    // A step that failed and was made good by a later one is no failure.
    const open = stillDropping.length === 0 && failures.length === 0
    const told = [...(open ? [] : [...first.failures, ...failures]), ...(kept?.failure ? [kept.failure] : [])]
    const snapshot = kept?.snapshot === undefined ? {} : { snapshot: kept.snapshot }
    return { ok: told.length === 0, changed, failures: told, stillDropping, ...snapshot }
  }

  async #keep(): Promise<{ snapshot?: string; failure?: string }> {
    const { nft, legacy } = this.#backends
    let givenUp = false
    const opened: Opened = {
      get asleep() {
        return nft?.asleep ?? []
      },
      mark: openMark,
      get legacyAccepts() {
        return legacy.flatMap((one) => one.marked.map((table) => `${one.backend} ${table}`))
      },
      get givenUp() {
        return givenUp
      },
    }
    let limit: Timer | undefined
    const tooLate = new Promise<never>((_, reject) => {
      limit = this.#deps.clock.after(keepMs, () => {
        givenUp = true
        reject(new Error(`not done after ${keepMs / 1000} s`))
      })
    })
    try {
      const snapshot = await Promise.race([this.#deps.keep?.(opened), tooLate])
      return snapshot === undefined ? {} : { snapshot }
    } catch (thrown) {
      return { failure: `keep: ${reasonOf(thrown)}` }
    } finally {
      limit?.cancel()
    }
  }

  async verify(scope: Scope): Promise<readonly Dropping[]> {
    const lists = await Promise.all(
      this.#backends.all.map(async (backend): Promise<readonly Dropping[]> => {
        const found = await backend.dropping(scope).catch(() => undefined)
        return found ?? [{ backend: backend.backend, where: "cannot be listed" }]
      }),
    )
    return [...lists.flat(), ...this.#outOfReach(scope)]
  }

  /** Legacy tables that the kernel holds without a program here that could list or open them. */
  #outOfReach(scope: Scope): Dropping[] {
    const found: Dropping[] = []
    for (const family of families) {
      const backend = toolName("legacy", family, "command")
      const filtering = legacyTablesOf(family, this.#readText).filter((table) =>
        scope === "all" ? table !== "nat" : table === "filter" && isIpFamily(family),
      )
      if (filtering.length === 0 || this.#backends.all.some((one) => one.backend === backend)) continue
      found.push({ backend, where: `${filtering.join(", ")} (${backend} is missing, so nobody can tell)` })
    }
    return found
  }

  describe(): FirewallState {
    return {
      backends: [...this.#detected.versions].map(([name, version]) => `${name} ${version}`),
      legacyTables: families.flatMap((family) =>
        legacyTablesOf(family, this.#readText).map((table) => `${family} ${table}`),
      ),
      standbys: this.#backends.standbyLoaders.flatMap(({ program, pids }) =>
        pids().map((pid) => ({ program, pid })),
      ),
    }
  }

  async close(): Promise<void> {
    this.#monitor?.close()
    this.#outdated = false
    await this.#settled
    for (const loader of this.#backends.standbyLoaders) loader.close()
  }

  async #refresh(): Promise<void> {
    const { nft, nftCommand, layer2 } = this.#backends
    for (const firewall of layer2) firewall.refresh()
    if (nft === undefined) return
    this.#outdated = this.#refreshing || this.#opening > 0
    if (this.#outdated) return
    this.#refreshing = true
    try {
      // Flags not by the standby loader: a full listing would keep an open waiting.
      if ((await nft.refresh()) && nftCommand) await nft.learnFlags(nftCommand)
    } finally {
      this.#refreshing = false
      this.#lookAgain()
    }
  }

  #lookAgain(): void {
    if (this.#outdated && this.#opening === 0 && !this.#refreshing) void this.#refresh()
  }
}

/** A step that throws is a step that failed: the next one is taken all the same. */
async function step(take: () => Promise<StepResult>): Promise<StepResult> {
  try {
    return await take()
  } catch (thrown) {
    return { changed: false, failures: [reasonOf(thrown)] }
  }
}

function together(results: readonly StepResult[]): StepResult {
  return {
    changed: results.some(({ changed }) => changed),
    failures: results.flatMap(({ failures }) => failures),
  }
}
