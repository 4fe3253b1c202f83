import { reasonOf } from "../../errors.ts"
import { KernelNews, ruleNews } from "../../system/netlink-monitor.ts"
import { startLoader } from "../../system/standby-process.ts"
import { type Detected, legacyTables, legacyTablesOf, type ReadText, readTextFile } from "../tools/detect.ts"
import type { Dropping, StepResult } from "./backend.ts"
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
  #news: KernelNews | undefined
  #refreshing = false
  /** Was something told that could not be looked at? */
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

  async start(): Promise<void> {
    await this.#refresh()
    const { nft, nftCommand } = this.#backends
    if (this.#deps.leftAsleep && nftCommand) await nft?.takeOverSleeping(nftCommand, this.#deps.leftAsleep)
    await nft?.warmUp()
    const { clock, log = () => {}, start = startLoader } = this.#deps
    const look = () => void this.#refresh()
    this.#news = new KernelNews(ruleNews, {
      start: nft && start,
      clock,
      log,
      restMs,
      oftenMs: refreshMs,
      onNews: look,
      onTime: look,
    })
  }

  async commit({ scope }: OpenOptions): Promise<Committed> {
    this.#begun += 1
    return together(await Promise.all(this.#backends.all.map((backend) => step(() => backend.open(scope)))))
  }

  async opened(scope: Scope): Promise<Opened | undefined> {
    const { all, nft, legacy } = this.#backends
    const would = await Promise.all(all.map((backend) => backend.wouldSettle(scope).catch(() => true)))
    if (!would.includes(true)) return undefined
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

  async settle(scope: Scope): Promise<Settled> {
    const begun = this.#begun
    const all = this.#backends.all
    const settled = together(await Promise.all(all.map((backend) => step(() => backend.settle(scope)))))
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
    const held = legacyTables(this.#readText)
    const found: Dropping[] = []
    for (const [backend, tables] of [
      ["iptables-legacy", held.ip],
      ["ip6tables-legacy", held.ip6],
      ["arptables-legacy", scope === "all" ? held.arp : []],
      ["ebtables-legacy", scope === "all" ? held.eb : []],
    ] as const) {
      const filtering = tables.filter((table) => table !== "nat" && (scope === "all" || table === "filter"))
      if (filtering.length === 0 || this.#backends.all.some((one) => one.backend === backend)) continue
      found.push({ backend, where: `${filtering.join(", ")} (${backend} is missing, so nobody can tell)` })
    }
    return found
  }

  describe(): FirewallState {
    const named = (["nft", "iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"] as const)
      .map((name) => this.#detected.tools.get(name))
      .filter((tool) => tool !== undefined)
    const held = legacyTables(this.#readText)
    return {
      backends: named.map(({ name, version }) => `${name} ${/\d+(\.\d+)+/.exec(version ?? "")?.[0] ?? "?"}`),
      legacyTables: Object.entries(held).flatMap(([family, tables]) =>
        tables.map((table) => `${family} ${table}`),
      ),
      standbys: this.#backends.consoles.flatMap(({ program, pids }) =>
        pids().map((pid) => ({ program, pid })),
      ),
    }
  }

  close(): void {
    this.#news?.close()
    this.#outdated = false
    for (const console of this.#backends.consoles) console.close()
  }

  /** An open has committed, or is about to, and has not settled: what is listed now is half ours. */
  get #isOpening(): boolean {
    return this.#taken < this.#begun
  }

  async #refresh(): Promise<void> {
    const { nft, nftCommand, layer2 } = this.#backends
    for (const firewall of layer2) firewall.refresh()
    if (nft === undefined) return
    this.#outdated = this.#refreshing || this.#isOpening
    if (this.#outdated) return
    this.#refreshing = true
    try {
      // Flags not by the console: a full listing would keep an open waiting.
      if ((await nft.refresh()) && nftCommand) await nft.learnFlags(nftCommand)
    } finally {
      this.#refreshing = false
      this.#lookAgain()
    }
  }

  #lookAgain(): void {
    if (this.#outdated && !this.#isOpening && !this.#refreshing) void this.#refresh()
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
