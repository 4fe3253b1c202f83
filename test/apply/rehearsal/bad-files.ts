/** One rule file that `iptables-restore --test` lets through and the kernel refuses. */
export interface BadFile {
  readonly what: string
  readonly table: string
  /** Chain lines and rules; the last one is at fault. */
  readonly lines: readonly string[]
}

export const badFiles: readonly BadFile[] = [
  { what: "jump to a missing chain", table: "filter", lines: ["-A INPUT -j missing"] },
  { what: "goto a missing chain", table: "filter", lines: ["-A INPUT -g missing"] },
  { what: "rule in a missing chain", table: "filter", lines: ["-A missing -p tcp -j DROP"] },
  {
    what: "loop of two chains",
    table: "filter",
    lines: [":a - [0:0]", ":b - [0:0]", "-A a -j b", "-A b -j a", "-A INPUT -j a"],
  },
  {
    what: "chain that jumps to itself",
    table: "filter",
    lines: [":a - [0:0]", "-A a -j a", "-A INPUT -j a"],
  },
  { what: "target of another table", table: "filter", lines: ["-A FORWARD -j MASQUERADE"] },
  { what: "target that only mangle has", table: "filter", lines: ["-A INPUT -j TTL --ttl-set 3"] },
  { what: "target that only raw has", table: "filter", lines: ["-A INPUT -j CT --notrack"] },
  { what: "REJECT outside of filter", table: "mangle", lines: ["-A INPUT -j REJECT"] },
  { what: "MASQUERADE in a wrong hook", table: "nat", lines: ["-A PREROUTING -j MASQUERADE"] },
  { what: "SNAT in a wrong hook", table: "nat", lines: ["-A PREROUTING -j SNAT --to-source 192.0.2.9"] },
  {
    what: "DNAT in a wrong hook",
    table: "nat",
    lines: ["-A POSTROUTING -j DNAT --to-destination 192.0.2.9"],
  },
  { what: "TPROXY in a wrong hook", table: "mangle", lines: ["-A FORWARD -p tcp -j TPROXY --on-port 80"] },
  { what: "TCPMSS without SYN", table: "filter", lines: ["-A INPUT -p tcp -j TCPMSS --clamp-mss-to-pmtu"] },
  { what: "match in a wrong hook", table: "filter", lines: ["-A INPUT -m owner --uid-owner 0 -j DROP"] },
  { what: "policy match the wrong way", table: "filter", lines: ["-A INPUT -m policy --dir out --pol none"] },
]

/** The file, with a good rule before and behind, and the line (from 1) that is at fault. */
export function badFileText({ table, lines }: BadFile): { text: string; line: number } {
  const chains = lines.filter((one) => one.startsWith(":"))
  const rules = lines.filter((one) => !one.startsWith(":"))
  const chain = /-A (\S+)/.exec(rules.at(-1) ?? "")?.[1] ?? ""
  const good = `-A ${chain === "missing" ? "INPUT" : chain} -s 198.51.100.7`
  const all = [`*${table}`, ...chains, good, ...rules, good, "COMMIT", ""]
  return { text: all.join("\n"), line: 2 + chains.length + rules.length }
}
