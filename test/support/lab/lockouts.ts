import type { Host } from "./lab.ts"

/** A way to lock oneself out, as commands on the server. `families` are the IP versions it shuts. */
export interface Lockout {
  readonly name: string
  readonly families: readonly (4 | 6)[]
  readonly apply: (server: Host) => unknown
}

const each = (server: Host, tools: readonly string[], lines: readonly string[]): string =>
  server.sh(tools.flatMap((tool) => lines.map((line) => `${tool} ${line}`)).join("\n"))

const dropAll = ["-P INPUT DROP", "-P OUTPUT DROP", "-P FORWARD DROP"]
const nft = (server: Host, rules: string): void => {
  server.run(["nft", "-f", "/dev/stdin"], { input: rules })
}

/** The lockouts of "first light"; the open's own tests have many more. */
export const lockouts: readonly Lockout[] = [
  {
    name: "iptables-nft policy DROP",
    families: [4],
    apply: (server) => each(server, ["iptables-nft"], dropAll),
  },
  {
    name: "iptables-legacy policy DROP",
    families: [4],
    apply: (server) => each(server, ["iptables-legacy"], dropAll),
  },
  {
    name: "ip6tables-nft policy DROP",
    families: [6],
    apply: (server) => each(server, ["ip6tables-nft"], dropAll),
  },
  {
    name: "ip6tables-legacy policy DROP",
    families: [6],
    apply: (server) => each(server, ["ip6tables-legacy"], dropAll),
  },
  {
    name: "native nft inet policy drop",
    families: [4, 6],
    apply: (server) =>
      nft(
        server,
        `table inet fw {
          chain in { type filter hook input priority filter; policy drop; ct state established accept; }
          chain out { type filter hook output priority filter; policy drop; }
        }\n`,
      ),
  },
  {
    name: "nft netdev ingress drop",
    families: [4, 6],
    apply: (server) =>
      nft(
        server,
        "table netdev fw { chain in { type filter hook ingress device eth0 priority 0; policy drop; }; }\n",
      ),
  },
  {
    name: "raw PREROUTING DROP",
    families: [4, 6],
    apply: (server) => each(server, ["iptables-nft", "ip6tables-nft"], ["-t raw -A PREROUTING -j DROP"]),
  },
  {
    name: "legacy raw PREROUTING DROP",
    families: [4, 6],
    apply: (server) =>
      each(server, ["iptables-legacy", "ip6tables-legacy"], ["-t raw -A PREROUTING -j DROP"]),
  },
]

/** The server's address of one family in the usual two-host lab. */
export const serverAddress = (family: 4 | 6): string => (family === 4 ? "192.0.2.1" : "2001:db8::1")
