/** The families of iptables and its kin, as nf_tables spells them: ebtables' is `bridge`. */
export const families = ["ip", "ip6", "arp", "bridge"] as const
export type Family = (typeof families)[number]

interface Tool {
  /** The name that fixes the backend. */
  readonly name: string
  /** Where its rules are: in nf_tables, in the legacy tables beside it, or (ipset) in sets that both use. */
  readonly backend: "nft" | "legacy" | "ipset"
  /** The one family that it knows; undefined where one program does all. */
  readonly family: Family | undefined
  /** A command changes and lists; save prints all rules as text, restore loads such a text. */
  readonly kind: "command" | "save" | "restore"
}

/**
 * Every firewall program that is found, read, run or watched here. The same names without `-nft` or `-legacy` are either
 * backend, by alternatives ({@link plainNameOf}).
 */
export const tools = [
  { name: "nft", backend: "nft", family: undefined, kind: "command" },
  { name: "ipset", backend: "ipset", family: undefined, kind: "command" },
  { name: "iptables-nft", backend: "nft", family: "ip", kind: "command" },
  { name: "iptables-nft-save", backend: "nft", family: "ip", kind: "save" },
  { name: "iptables-nft-restore", backend: "nft", family: "ip", kind: "restore" },
  { name: "iptables-legacy", backend: "legacy", family: "ip", kind: "command" },
  { name: "iptables-legacy-save", backend: "legacy", family: "ip", kind: "save" },
  { name: "iptables-legacy-restore", backend: "legacy", family: "ip", kind: "restore" },
  { name: "ip6tables-nft", backend: "nft", family: "ip6", kind: "command" },
  { name: "ip6tables-nft-save", backend: "nft", family: "ip6", kind: "save" },
  { name: "ip6tables-nft-restore", backend: "nft", family: "ip6", kind: "restore" },
  { name: "ip6tables-legacy", backend: "legacy", family: "ip6", kind: "command" },
  { name: "ip6tables-legacy-save", backend: "legacy", family: "ip6", kind: "save" },
  { name: "ip6tables-legacy-restore", backend: "legacy", family: "ip6", kind: "restore" },
  { name: "arptables-nft", backend: "nft", family: "arp", kind: "command" },
  { name: "arptables-nft-save", backend: "nft", family: "arp", kind: "save" },
  { name: "arptables-nft-restore", backend: "nft", family: "arp", kind: "restore" },
  { name: "arptables-legacy", backend: "legacy", family: "arp", kind: "command" },
  { name: "arptables-legacy-save", backend: "legacy", family: "arp", kind: "save" },
  { name: "arptables-legacy-restore", backend: "legacy", family: "arp", kind: "restore" },
  { name: "ebtables-nft", backend: "nft", family: "bridge", kind: "command" },
  { name: "ebtables-nft-save", backend: "nft", family: "bridge", kind: "save" },
  { name: "ebtables-nft-restore", backend: "nft", family: "bridge", kind: "restore" },
  { name: "ebtables-legacy", backend: "legacy", family: "bridge", kind: "command" },
  { name: "ebtables-legacy-save", backend: "legacy", family: "bridge", kind: "save" },
  { name: "ebtables-legacy-restore", backend: "legacy", family: "bridge", kind: "restore" },
] as const satisfies readonly Tool[]

type Row = (typeof tools)[number]
export type ToolName = Row["name"]
/** A legacy family goes by the name of its command. */
export type LegacyBackend = Extract<Row, { backend: "legacy"; kind: "command" }>["name"]

/** The tools that are here, by absolute path; one that is missing is left out. */
export type ToolPaths = Readonly<Partial<Record<ToolName, string>>>

type NameFor<B, F, K> = Extract<Row, { backend: B; family: F; kind: K }>["name"]

/** The tool of this backend, family and kind: `never`, and so of no use, where the table has no such line. */
export function toolName<B extends Row["backend"], F extends Row["family"], K extends Row["kind"]>(
  backend: B,
  family: F,
  kind: K,
): NameFor<B, F, K> {
  const row = tools.find((one) => one.backend === backend && one.family === family && one.kind === kind)
  return row?.name as NameFor<B, F, K>
}

/** The line of a tool by its name. */
export function toolNamed<N extends ToolName>(name: N): Extract<Row, { name: N }> {
  return tools.find((one) => one.name === name) as Extract<Row, { name: N }>
}

/** The name without the backend: "iptables-restore" of "iptables-nft-restore". */
export function plainNameOf(name: string): string {
  return name.replace(/-(nft|legacy)\b/, "")
}

/** Family and kind of a program by its full name or its plain one; undefined when it is none of the tools. */
export function programNamed(name: string): Pick<Tool, "family" | "kind"> | undefined {
  return tools.find((one) => one.name === name || plainNameOf(one.name) === name)
}

/** True for the two families that iptables-save's text is of; arptables and ebtables have dialects of their own. */
export function isIpFamily(family: string | undefined): family is "ip" | "ip6" {
  return family === "ip" || family === "ip6"
}
