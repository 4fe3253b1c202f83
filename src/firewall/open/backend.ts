import type { LegacyBackend } from "../tools/table.ts"

/** Something that can still drop a packet, and where. */
export interface Dropping {
  readonly backend: "nft" | LegacyBackend
  /** "inet fw input (policy drop)", "filter INPUT (rule 3: -p tcp -j DROP)" */
  readonly where: string
}

/** What one step of an open came to on one backend. */
export interface StepResult {
  /** Was anything changed, or (for the open) is there anything that may have dropped? */
  readonly changed: boolean
  /** What did not work, a line each; empty when all of it did. */
  readonly failures: readonly string[]
}

/** One backend of the firewall, in the steps of DESIGN 6. No method ever rejects. */
export interface FirewallBackend {
  readonly backend: Dropping["backend"]
  /** Lets packets through as fast as can be, losing nothing of what is there. */
  open(scope: "all" | "filter"): Promise<StepResult>
  /** Would {@link settle} change anything? True when that cannot be told. */
  wouldSettle(scope: "all" | "filter"): Promise<boolean>
  /** Makes the opening lasting, and gives back what was only put aside. */
  settle(scope: "all" | "filter"): Promise<StepResult>
  /** Everything in the scope that can drop; throws nothing, undefined when it cannot be listed. */
  dropping(scope: "all" | "filter"): Promise<readonly Dropping[] | undefined>
}

/** The nf_tables families, as nft spells them. */
export type NftFamily = "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev"

/** A table by its full name. */
export interface TableName {
  readonly family: NftFamily
  readonly table: string
}

/** What an open covers: everything that can drop, or only the iptables filter tables (DESIGN 6). */
export type Scope = "all" | "filter"

/** The comment on the `accept` that stands at the head of a chain between the open and the settling. */
export const openMark = "fw-watchdog open"

/** Did a load reach the kernel? `error` is what the tool said, on one line. */
export type Loaded = { readonly ok: true } | { readonly ok: false; readonly error: string }
