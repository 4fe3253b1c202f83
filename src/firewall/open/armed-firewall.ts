import { reasonOf } from "../../errors.ts"
import { NetlinkMonitor, ruleChanges } from "../../system/network/netlink-monitor.ts"
import { startLoader } from "../../system/process/standby-process.ts"
import { type Detected, legacyTablesOf, type ReadText, readTextFile } from "../tools/detect.ts"
import { families, isIpFamily, toolName } from "../tools/table.ts"
import type { Dropping, IsLost, StepResult } from "./backend.ts"
import { openMark, type Scope } from "./backend.ts"
import { type Backends, startBackends } from "./backends.ts"
import type {
  ArmedFirewall,
  Committed,
  FirewallDeps,
  FirewallState,
  Opened,
  OpenOptions,
  Settled,
} from "./contract.ts"

/**
 * How often at most what nf_tables holds is looked at while armed, in milliseconds: a millisecond of work each time. The kernel
 * tells when there is something to see; where it cannot be heard, so often. An open that goes by what has changed since
 * looks again by itself, and is a millisecond later.
 */
const refreshMs = 1_000
/** How often it is looked at although the kernel has told nothing, and what else waits is seen to; milliseconds. */
const restMs = 30_000

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
  /** Opens that have begun to commit, and those of them that a settling has taken in. */
  #begun = 0
  #taken = 0

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
    await this.#refreshNft()
    const { nft, nftFlags } = this.#backends
    if (this.#deps.leftAsleep && nftFlags) await nft?.takeOverSleeping(nftFlags, this.#deps.leftAsleep)
    await nft?.warmUp()
    const { clock, log = () => {}, start = startLoader } = this.#deps
    this.#monitor = new NetlinkMonitor(ruleChanges, {
      start: nft && start,
      clock,
      log,
      restMs,
      oftenMs: refreshMs,
      onChange: () => void this.#refreshNft(),
      onTime: () => {
        this.waitForSettling()
        void this.#refreshNft()
      },
    })
  }

  async commit({ scope }: OpenOptions): Promise<Committed> {
    this.#begun += 1
    return together(await Promise.all(this.#backends.all.map((backend) => step(() => backend.open(scope)))))
  }

  async opened(scope: Scope, always = false): Promise<Opened | undefined> {
    const { all, nft, legacy } = this.#backends
    const would = await Promise.all(all.map((backend) => backend.wouldSettle(scope).catch(() => true)))
    if (!would.includes(true) && !always) return undefined
    return {
      get asleep() {
        return nft?.asleep ?? []
      },
      mark: openMark,
      get legacyAccepts() {
        return legacy.flatMap((one) => one.marked.map((table) => `${one.backend} ${table}`))
      },
    }
  }

  async settle(scope: Scope, isLost: IsLost): Promise<Settled> {
    const begun = this.#begun
    const all = this.#backends.all
    const settled = together(
      await Promise.all(all.map((backend) => step(() => backend.settle(scope, isLost)))),
    )
    const stillDropping = await this.verify(scope)
    this.#taken = begun
    this.#lookAgain()
    return { ...settled, stillDropping }
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

  waitForSettling(): void {
    for (const firewall of this.#backends.layer2) firewall.refresh()
  }

  close(): void {
    this.#monitor?.close()
    this.#outdated = false
    for (const loader of this.#backends.standbyLoaders) loader.close()
  }

  /** An open has committed, or is about to, and has not settled: what is listed now is half ours. */
  get #isOpening(): boolean {
    return this.#taken < this.#begun
  }

  async #refreshNft(): Promise<void> {
    const { nft, nftFlags } = this.#backends
    if (nft === undefined) return
    this.#outdated = this.#refreshing || this.#isOpening
    if (this.#outdated) return
    this.#refreshing = true
    try {
      // Flags not by the standby loader: where that lists them, it is with all rules, and an open would wait for it.
      if ((await nft.refresh()) && nftFlags) await nft.learnFlags(nftFlags)
    } finally {
      this.#refreshing = false
      this.#lookAgain()
    }
  }

  #lookAgain(): void {
    if (this.#outdated && !this.#isOpening && !this.#refreshing) void this.#refreshNft()
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
