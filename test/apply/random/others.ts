import fc, { type Arbitrary } from "fast-check"
import type { Line } from "./lines.ts"

/** Another program's write into something of its own, which no generated script knows of. */
const own: Arbitrary<Line> = fc
  .integer({ min: 1, max: 99 })
  .chain((n) =>
    fc.constantFrom(
      `iptables -N OTHER || :; iptables -A OTHER -p tcp --dport ${n} -j DROP`,
      `ip6tables -N OTHER || :; ip6tables -A OTHER -p tcp --dport ${n} -j DROP`,
      `iptables-legacy -N OTHER || :; iptables-legacy -A OTHER -p tcp --dport ${n} -j DROP`,
      `nft 'add table inet other; add chain inet other c { type filter hook input priority 0 ; }; add rule inet other c tcp dport ${n} drop'`,
      `nft 'add table inet t1; add chain inet t1 OTHER; add rule inet t1 OTHER tcp dport ${n} drop'`,
      `arptables-nft -N OTHER || :; arptables-nft -A OTHER -s 10.5.5.${n} -j DROP`,
      `ebtables-nft -N OTHER || :; ebtables-nft -A OTHER -p IPv4 --ip-src 10.5.5.${n} -j DROP`,
      `ipset -exist create other hash:ip; ipset -exist add other 10.5.5.${n}`,
    ),
  )

/** A write into a chain or a set of somebody else's. Each holds a mark that occurs once. */
const shared: Arbitrary<(mark: number) => Line> = fc.constantFrom(
  (mark) => `iptables -I INPUT -p tcp --dport 7 -m comment --comment other-${mark} -j DROP`,
  (mark) => `iptables -A INPUT -p tcp --dport 7 -m comment --comment other-${mark} -j DROP`,
  (mark) => `iptables -I FORWARD -m comment --comment other-${mark} -j ACCEPT`,
  (mark) => `iptables -A ONE -m comment --comment other-${mark} -j RETURN`,
  (mark) => `iptables -I two -m comment --comment other-${mark} -j RETURN`,
  (mark) => `iptables -t nat -A POSTROUTING -m comment --comment other-${mark} -j MASQUERADE`,
  (mark) => `ip6tables -A INPUT -m comment --comment other-${mark} -j DROP`,
  (mark) => `iptables-legacy -A INPUT -m comment --comment other-${mark} -j DROP`,
  (mark) => `iptables-legacy -I ONE -m comment --comment other-${mark} -j DROP`,
  (mark) => `nft 'insert rule inet t1 in tcp dport 7 drop comment "other-${mark}"'`,
  (mark) => `nft 'add rule inet t1 in tcp dport 7 drop comment "other-${mark}"'`,
  (mark) => `nft 'add rule inet t1 deep tcp dport 7 drop comment "other-${mark}"'`,
  (mark) => `nft 'add rule ip t1 in tcp dport 7 drop comment "other-${mark}"'`,
  (mark) => `arptables-nft -A INPUT -s 10.9.9.${mark} -j DROP`,
  (mark) => `arptables-nft -I ONE -s 10.9.9.${mark} -j DROP`,
  (mark) => `arptables-legacy -A INPUT -s 10.9.9.${mark} -j DROP`,
  (mark) => `ebtables-nft -A INPUT -p IPv4 --ip-src 10.9.9.${mark} -j DROP`,
  (mark) => `ebtables-nft -I two -p IPv4 --ip-src 10.9.9.${mark} -j DROP`,
  (mark) => `ipset add alpha 10.9.9.${mark}`,
  (mark) => `ipset add beta 10.9.9.${mark}`,
)

/** The writes of other programs: into what is theirs alone, and into what the script may change as well. */
export interface Others {
  readonly own: readonly Line[]
  readonly shared: readonly Line[]
}

export const others: Arbitrary<Others> = fc
  .tuple(fc.array(own, { maxLength: 3 }), fc.array(shared, { maxLength: 4 }))
  .map(([own, marked]) => ({ own, shared: marked.map((write, at) => write(at + 1)) }))

/** The marks of these lines, as they stand in every view of the rules. */
export function marksOf(lines: readonly Line[]): string[] {
  return lines.flatMap((line) => /other-\d+|10\.9\.9\.\d+/.exec(line)?.[0] ?? [])
}

/** A view of the rules without what bears a mark. */
export function unmarked(text: string): string {
  return text
    .split("\n")
    .filter((line) => !/\bother-\d+|10\.9\.9\.\d+/.test(line))
    .join("\n")
}
