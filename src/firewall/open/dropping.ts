/** Something that can still drop a packet, and where. */
export interface Dropping {
  readonly backend: "nft" | "iptables-legacy" | "ip6tables-legacy" | "arptables-legacy" | "ebtables-legacy"
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
