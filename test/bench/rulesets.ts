import type { Host } from "../support/lab/lab.ts"

export interface Size {
  readonly rules: number
  /** The rules are spread over so many chains. */
  readonly chains: number
  /** Of one set that a rule looks into. */
  readonly elements: number
}

/** A firewall of a given size. An open takes the heads of its base chains away; locking again puts them back. */
export interface Ruleset {
  readonly name: string
  /** Loads everything; nothing is dropped yet. */
  readonly load: (server: Host, size: Size) => void
  /** Drops whatever is not accepted. */
  readonly lock: (server: Host) => void
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
/** The n-th address of 10.0.0.0/8. */
const address = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`

/**
 * Everything hangs on one jump that the probes, which are UDP, do not take: a packet that has to walk through 20 000 rules
 * takes a millisecond, and that would be measured instead.
 */
export const rulesets: readonly [Ruleset, ...Ruleset[]] = [
  {
    name: "iptables-nft policy DROP",
    load(server, { rules, chains, elements }) {
      const set = [
        "create many hash:ip maxelem 100000",
        ...numbers(elements).map((n) => `add many ${address(n)}`),
      ]
      server.run(["ipset", "restore"], { input: `${set.join("\n")}\n` })
      const lines = [
        "*filter",
        ":INPUT ACCEPT [0:0]",
        ":FORWARD ACCEPT [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        ":tree - [0:0]",
        ...numbers(chains).map((chain) => `:part${chain} - [0:0]`),
        "-A tree -m set --match-set many src -j DROP",
        ...numbers(chains).map((chain) => `-A tree -j part${chain}`),
        ...numbers(rules).map(
          (n) => `-A part${n % chains} -s ${address(n)} -p tcp --dport ${1 + (n % 65_535)} -j ACCEPT`,
        ),
        "COMMIT",
      ]
      server.run(["iptables-nft-restore"], { input: `${lines.join("\n")}\n` })
    },
    lock(server) {
      const lines = ["*filter", ":INPUT DROP [0:0]", "-F INPUT", "-A INPUT -p tcp -j tree", "COMMIT"]
      server.run(["iptables-nft-restore", "--noflush"], { input: `${lines.join("\n")}\n` })
    },
  },
  {
    name: "native nft inet policy drop",
    load(server, { rules, chains, elements }) {
      const inChain = (chain: number): string[] =>
        numbers(rules)
          .filter((n) => n % chains === chain)
          .map((n) => `ip saddr ${address(n)} tcp dport ${1 + (n % 65_535)} accept`)
      const lines = [
        "table inet fw {",
        `set many { type ipv4_addr; elements = { ${numbers(elements).map(address).join(", ")} }; }`,
        ...numbers(chains).flatMap((chain) => [`chain part${chain} {`, ...inChain(chain), "}"]),
        "chain tree {",
        "ip saddr @many drop",
        ...numbers(chains).map((chain) => `jump part${chain}`),
        "}",
        "chain in { type filter hook input priority filter; policy accept; }",
        "}",
      ]
      server.run(["nft", "-f", "/dev/stdin"], { input: `${lines.join("\n")}\n` })
    },
    lock(server) {
      const lines = [
        "add chain inet fw in { policy drop; }",
        "flush chain inet fw in",
        "add rule inet fw in meta l4proto tcp jump tree",
      ]
      server.run(["nft", "-f", "/dev/stdin"], { input: `${lines.join("\n")}\n` })
    },
  },
]
