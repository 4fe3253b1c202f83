import type { Clock } from "../clock.ts"
import { Fault, reasonOf } from "../errors.ts"
import { type Backends, startBackends } from "./backends.ts"
import { type Detected, detect, legacyTables, type ReadText, readTextFile } from "./detect.ts"
import type { Dropping, StepResult } from "./dropping.ts"
import type { TableName } from "./nft-listing.ts"
import { openMark, type Scope } from "./nft-open.ts"
import type { RunCommand } from "./run-command.ts"
import { type StartLoader, startLoader } from "./standby.ts"

export type { Dropping } from "./dropping.ts"

export interface OpenOptions {
  readonly scope: Scope
  /** Everything that `--hard` adds (DESIGN 6). */
  readonly hard: boolean
}

export interface OpenReport {
  /** Every step that had to work worked. */
  readonly ok: boolean
  /** False when nothing there could drop; then no snapshot was kept. */
  readonly changed: boolean
  readonly failures: readonly string[]
  /** What the listing afterwards still found. */
  readonly stillDropping: readonly Dropping[]
  /** What `keep` returned, when something was kept. */
  readonly snapshot?: string
}

export interface OpenInProgress {
  /** Step 1 is in the kernel, or has failed in every way. `changed`: there was something that may have dropped. */
  readonly committed: Promise<{ ok: boolean; changed: boolean; failures: readonly string[] }>
  /** All four steps are done. */
  readonly settled: Promise<OpenReport>
}

/** What step 1 did to the kernel that was not there before; a snapshot taken now has to leave it out. */
export interface Opened {
  /** nf_tables tables that sleep because of us (`flags dormant`). */
  readonly asleep: readonly TableName[]
  /** The comment on our `accept` at the head of chains in nf_tables tables that hold nat. */
  readonly mark: string
  /** Legacy tables ("iptables-legacy filter") whose builtin chains, nat's excepted, begin with `-j ACCEPT` of ours. */
  readonly legacyAccepts: readonly string[]
}

/** Keeps a snapshot between step 1 and step 3; what it returns names it. */
export type Keep = (opened: Opened) => Promise<string | undefined>

export interface FirewallState {
  /** "nft 1.0.6", "iptables-nft 1.8.9", ...: the backends that are here. */
  readonly backends: readonly string[]
  /** Legacy tables that the kernel holds now, as "ip filter". */
  readonly legacyTables: readonly string[]
  /** Process ids of the loaders that wait now, by program: "nft", "iptables-legacy-restore", ... */
  readonly standbys: readonly { readonly program: string; readonly pid: number }[]
}

export interface ArmedFirewall {
  /** Never throws, and neither promise rejects. A second open may come at any time. */
  open(options: OpenOptions): OpenInProgress
  /** Lists again. A backend that cannot be listed is named as dropping: "cannot be listed". */
  verify(scope: Scope): Promise<readonly Dropping[]>
  describe(): FirewallState
  close(): Promise<void>
}

export interface FirewallDeps {
  readonly run: RunCommand
  readonly clock: Clock
  readonly stateFolder: string
  readonly log?: (line: string) => void
  readonly keep?: Keep
  readonly readText?: ReadText
  readonly start?: StartLoader
}

/** How often what the kernel holds is looked at while armed, in milliseconds: 0.5 ms of work each time. */
const refreshMs = 1_000

/**
 * Finds this machine's firewalls and stands ready to open them.
 * @throws Fault `missing` when there is no firewall tool at all
 */
export async function armFirewall(deps: FirewallDeps): Promise<ArmedFirewall> {
  const detected = await detect(deps.run, deps.readText)
  if (detected.tools.size === 0)
    throw new Fault("missing", "cannot find nft or iptables in /usr/sbin, /usr/bin, /sbin, /bin", {
      hint: "install nftables or iptables; without either there is nothing that an open could use",
    })
  const armed = new Armed(deps, detected)
  await armed.start()
  return armed
}

class Armed implements ArmedFirewall {
  readonly #deps: FirewallDeps
  readonly #detected: Detected
  readonly #readText: ReadText
  readonly #backends: Backends
  #timer: { cancel(): void } | undefined
  #refreshing = false
  #opening = 0
  /** Settling is done one open after the other; step 1 never waits for it. */
  #settled: Promise<unknown> = Promise.resolve()

  constructor(deps: FirewallDeps, detected: Detected) {
    this.#deps = deps
    this.#detected = detected
    this.#readText = deps.readText ?? readTextFile
    const { run, clock, log = () => {}, start = startLoader } = deps
    this.#backends = startBackends(run, { start, clock, log }, detected, () => this.#held())
  }

  async start(): Promise<void> {
    await this.#refresh()
    await this.#backends.nft?.warmUp()
    this.#timer = this.#deps.clock.every(refreshMs, () => void this.#refresh())
  }

  open(options: OpenOptions): OpenInProgress {
    this.#opening += 1
    const started = Promise.all(this.#backends.all.map((backend) => step(() => backend.open(options.scope))))
    const committed = started.then(together)
    const settled = this.#settled.then(async () => {
      const first = await committed
      // Whoever waits for the commit answers the knock first: starting a command costs milliseconds.
      await new Promise((resolve) => setImmediate(resolve))
      return await this.#settle(options, first)
    })
    this.#settled = settled.finally(() => {
      this.#opening -= 1
    })
    return { committed: committed.then((first) => ({ ok: first.failures.length === 0, ...first })), settled }
  }

  async #settle({ scope }: OpenOptions, first: StepResult): Promise<OpenReport> {
    const failures = [...first.failures]
    const would = await Promise.all(
      this.#backends.all.map((backend) => backend.wouldSettle(scope).catch(() => true)),
    )
    const changes = would.includes(true)
    const snapshot = changes ? await this.#keep(failures) : undefined
    const results = await Promise.all(this.#backends.all.map((backend) => step(() => backend.settle(scope))))
    failures.push(...together(results).failures)
    const stillDropping = await this.verify(scope)
    return {
      ok: failures.length === 0,
      changed: together(results).changed,
      failures,
      stillDropping,
      ...(snapshot === undefined ? {} : { snapshot }),
    }
  }

  async #keep(failures: string[]): Promise<string | undefined> {
    const opened: Opened = {
      asleep: this.#backends.nft?.asleep ?? [],
      mark: openMark,
      legacyAccepts: this.#backends.legacy.flatMap((one) =>
        one.marked.map((table) => `${one.backend} ${table}`),
      ),
    }
    try {
      return await this.#deps.keep?.(opened)
    } catch (thrown) {
      failures.push(`keep: ${reasonOf(thrown)}`)
      return undefined
    }
  }

  async verify(scope: Scope): Promise<readonly Dropping[]> {
    const lists = await Promise.all(
      this.#backends.all.map(async (backend): Promise<readonly Dropping[]> => {
        const found = await backend.dropping(scope).catch(() => undefined)
        return found ?? [{ backend: backend.backend, where: "cannot be listed" }]
      }),
    )
    return lists.flat()
  }

  describe(): FirewallState {
    const named = (["nft", "iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"] as const)
      .map((name) => this.#detected.tools.get(name))
      .filter((tool) => tool !== undefined)
    const held = this.#held()
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

  async close(): Promise<void> {
    this.#timer?.cancel()
    await this.#settled
    for (const console of this.#backends.consoles) console.close()
  }

  #held(): ReturnType<typeof legacyTables> {
    return legacyTables(this.#readText)
  }

  async #refresh(): Promise<void> {
    const { nft, nftCommand, layer2 } = this.#backends
    for (const firewall of layer2) firewall.refresh()
    if (nft === undefined || this.#refreshing || this.#opening > 0) return
    this.#refreshing = true
    try {
      // Flags not by the console: a full listing would keep an open waiting.
      if ((await nft.refresh()) && nftCommand) await nft.learnFlags(nftCommand)
    } finally {
      this.#refreshing = false
    }
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
