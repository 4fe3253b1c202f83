import type { Dropping, FirewallBackend, IsLost, Scope, StepResult } from "./backend.ts"
import type { NftBackend } from "./nft/nft-backend.ts"

/**
 * nf_tables by nft; where nft is not there, or nothing of an open by nft worked, by what iptables-nft can do: its own
 * tables, by restore, in the end by commands one by one. Native tables stay shut then, and that is a failure.
 */
export class NftWithFallback implements FirewallBackend {
  readonly backend = "nft"
  readonly #nft: NftBackend | undefined
  readonly #others: readonly FirewallBackend[]
  #fell = false

  constructor(nft: NftBackend | undefined, others: readonly FirewallBackend[]) {
    this.#nft = nft
    this.#others = others
  }

  async open(scope: Scope): Promise<StepResult> {
    const first = await this.#nft?.open(scope)
    if (first !== undefined && (first.changed || first.failures.length === 0)) return first
    this.#fell = true
    return together([first, ...(await Promise.all(this.#others.map((one) => one.open(scope))))])
  }

  async wouldSettle(scope: Scope): Promise<boolean> {
    const all = [this.#nft, ...this.#fallen()].filter((one) => one !== undefined)
    return (await Promise.all(all.map((one) => one.wouldSettle(scope)))).includes(true)
  }

  async settle(scope: Scope, isLost: IsLost): Promise<StepResult> {
    const first = await this.#nft?.settle(scope, isLost)
    const fallen = this.#fallen()
    const result = together([first, ...(await Promise.all(fallen.map((one) => one.settle(scope, isLost))))])
    // What nft settles is settled whole, our accepts by iptables included.
    if (first?.failures.length === 0) this.#fell = false
    return result
  }

  async dropping(scope: Scope): Promise<readonly Dropping[] | undefined> {
    const found = await this.#nft?.dropping(scope)
    if (found !== undefined) return found
    const lists = await Promise.all(this.#others.map((one) => one.dropping(scope)))
    return lists.includes(undefined) ? undefined : lists.flatMap((list) => list ?? [])
  }

  #fallen(): readonly FirewallBackend[] {
    return this.#fell || this.#nft === undefined ? this.#others : []
  }
}

function together(results: readonly (StepResult | undefined)[]): StepResult {
  return {
    changed: results.some((result) => result?.changed),
    failures: results.flatMap((result) => result?.failures ?? []),
  }
}
