import type { LegacyBackend } from "../tools/table.ts"

/** Something that can still drop a packet, and where. */
export interface Dropping {
  readonly backend: "nft" | LegacyBackend
  /** "inet fw input (policy drop)", "filter INPUT (rule 3: -p tcp -j DROP)" */
  readonly where: string
}

/** The result of one step of an open on one backend. */
export interface StepResult {
  /** True when anything was changed, or (for the open) when there is anything that may have dropped. */
  readonly changed: boolean
  /** A line for each failure; empty when all of it worked. */
  readonly failures: readonly string[]
}

/** One backend of the firewall, in the steps of an open (native-notes/firewall.md). No method ever rejects. */
export interface FirewallBackend {
  readonly backend: Dropping["backend"]
  /** Lets packets through as fast as can be, losing nothing of what is there. */
  open(scope: "all" | "filter"): Promise<StepResult>
  /** True when {@link settle} would change anything, and when that cannot be told. */
  wouldSettle(scope: "all" | "filter"): Promise<boolean>
  /**
   * Makes the opening lasting, and gives back what was only put aside.
   * @param isLost tells of tables of nf_tables whose rules no undo could bring back: they are not flushed where that can be helped
   */
  settle(scope: "all" | "filter", isLost: IsLost): Promise<StepResult>
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

/** Tells of a table that no undo could bring back its rules. */
export type IsLost = (table: TableName) => boolean

/** The extent of an open: everything that can drop, or only the iptables filter tables (native-notes/firewall.md). */
export type Scope = "all" | "filter"

export { openMark } from "../tools/open-mark.ts"

/** The result of a load; `error` holds the words of the tool, on one line. */
export type Loaded = { readonly ok: true } | { readonly ok: false; readonly error: string }
