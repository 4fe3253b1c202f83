/** A way to be locked out of the usual server, as a shell script that runs there. `$0` tools are real; eth0 is the wire. */
export interface Row {
  readonly name: string
  readonly families: readonly (4 | 6)[]
  readonly script: string
  /** What the client has to forget before the lockout shows. */
  readonly onClient?: string
}

const nft = (rules: string): string => `nft -f - <<'RULES'\n${rules}\nRULES\n`
const hook = (name: string, priority: string | number, policy = "accept"): string =>
  `type filter hook ${name} priority ${priority}; policy ${policy};`
const forget = "ip neigh flush dev eth0"

export const rows: readonly Row[] = [
  {
    name: "iptables-nft policies",
    families: [4],
    script: "for c in INPUT OUTPUT FORWARD; do iptables-nft -P $c DROP; done",
  },
  {
    name: "ip6tables-nft policies",
    families: [6],
    script: "for c in INPUT OUTPUT FORWARD; do ip6tables-nft -P $c DROP; done",
  },
  {
    name: "iptables-legacy policies",
    families: [4],
    script: "for c in INPUT OUTPUT FORWARD; do iptables-legacy -P $c DROP; done",
  },
  {
    name: "ip6tables-legacy policies",
    families: [6],
    script: "for c in INPUT OUTPUT FORWARD; do ip6tables-legacy -P $c DROP; done",
  },
  {
    name: "native ip",
    families: [4],
    script: nft(`table ip fw { chain in { ${hook("input", 0, "drop")} }\n }`),
  },
  {
    name: "native ip6",
    families: [6],
    script: nft(`table ip6 fw { chain in { ${hook("input", 0, "drop")} }\n }`),
  },
  {
    name: "native inet, both ways",
    families: [4, 6],
    script: nft(`table inet fw { chain in { ${hook("input", "filter", "drop")} ct state established accept
      }
      chain out { ${hook("output", "filter", "drop")} }\n }`),
  },
  {
    name: "netdev ingress",
    families: [4, 6],
    script: nft(
      `table netdev fw { chain in { type filter hook ingress device eth0 priority 0; policy drop; }\n }`,
    ),
  },
  {
    name: "native arp",
    families: [4],
    script: `${nft(`table arp fw { chain in { type filter hook input priority 0; policy drop; }\n }`)}${forget}`,
    onClient: forget,
  },
  {
    name: "arptables-nft",
    families: [4],
    script: `arptables-nft -P INPUT DROP; ${forget}`,
    onClient: forget,
  },
  {
    name: "arptables-legacy",
    families: [4],
    script: `arptables-legacy -P INPUT DROP; ${forget}`,
    onClient: forget,
  },
  {
    name: "legacy, iptables-nft and native at once",
    families: [4, 6],
    script: `iptables-legacy -A INPUT -j DROP; ip6tables-legacy -P INPUT DROP; iptables-nft -P OUTPUT DROP
      ip6tables-nft -A INPUT -j REJECT; ${nft(`table inet fw { chain in { ${hook("input", 10, "drop")} }\n }`)}`,
  },
  {
    name: "iptables-nft mangle PREROUTING",
    families: [4, 6],
    script: "for t in iptables ip6tables; do $t-nft -t mangle -A PREROUTING -p tcp -j DROP; done",
  },
  {
    name: "iptables-legacy mangle PREROUTING",
    families: [4, 6],
    script: "for t in iptables ip6tables; do $t-legacy -t mangle -A PREROUTING -p tcp -j DROP; done",
  },
  {
    name: "iptables-nft raw PREROUTING",
    families: [4, 6],
    script: "for t in iptables ip6tables; do $t-nft -t raw -A PREROUTING -j DROP; done",
  },
  {
    name: "iptables-legacy raw OUTPUT",
    families: [4, 6],
    script: "for t in iptables ip6tables; do $t-legacy -t raw -A OUTPUT -j DROP; done",
  },
  {
    name: "iptables-nft security INPUT",
    families: [4, 6],
    script: "for t in iptables ip6tables; do $t-nft -t security -A INPUT -p tcp -j DROP; done",
  },
  {
    name: "iptables-legacy security INPUT",
    families: [4, 6],
    script: "for t in iptables ip6tables; do $t-legacy -t security -A INPUT -p tcp -j DROP; done",
  },
  {
    name: "nft prerouting at raw priority",
    families: [4, 6],
    script: nft(`table inet early { chain pre { ${hook("prerouting", "raw")} meta l4proto tcp drop
      }\n }`),
  },
  {
    name: "anonymous verdict map",
    families: [4, 6],
    script: nft(`table inet fw { chain in { ${hook("input", 0)} tcp dport vmap { 22 : drop, 80 : accept }
      }\n }`),
  },
  {
    name: "named verdict map in a marking chain",
    families: [4, 6],
    script:
      nft(`table inet fw { map ports { type inet_service : verdict; elements = { 22 : jump shut, 80 : accept } }
      chain shut { counter drop
      }
      chain pre { ${hook("prerouting", "mangle")} tcp dport vmap @ports
      }\n }`),
  },
  {
    name: "jump chain three deep",
    families: [4, 6],
    script: nft(`table inet fw { chain three { counter reject
      }
      chain two { goto three
      }
      chain one { tcp dport 22 jump two
      }
      chain in { ${hook("input", -150)} jump one
      }\n }`),
  },
  {
    name: "set-based drop",
    families: [4, 6],
    script: nft(`table inet fw { set v4 { type ipv4_addr; elements = { 192.0.2.2 } }
      set v6 { type ipv6_addr; elements = { 2001:db8::2 } }
      chain pre { ${hook("prerouting", "raw")}
      ip saddr @v4 drop
      ip6 saddr @v6 drop
      }\n }`),
  },
  {
    name: "a drop in a table that also holds nat",
    families: [4, 6],
    script:
      nft(`table inet fw { chain redirected { type nat hook prerouting priority dstnat; tcp dport 2222 redirect to :22
      }
      chain pre { ${hook("prerouting", "mangle")} meta mark set 7 tcp dport 22 drop
      }
      chain in { ${hook("input", 0, "drop")} iif lo accept
      }\n }`),
  },
  {
    name: "names that nft's language cannot spell",
    families: [4, 6],
    script: `nft -j '${JSON.stringify({
      nftables: [
        { add: { table: { family: "inet", name: "limit" } } },
        {
          add: {
            chain: {
              family: "inet",
              table: "limit",
              name: "log",
              type: "filter",
              hook: "input",
              prio: 0,
              policy: "drop",
            },
          },
        },
      ],
    })}'; iptables-nft -P INPUT DROP`,
  },
]

/** Takes every rule of every backend away, by other means than ours. */
export const wipe = `nft flush ruleset
for t in iptables ip6tables; do for n in filter raw mangle security; do
  for c in INPUT OUTPUT FORWARD PREROUTING POSTROUTING; do $t-legacy -t $n -P $c ACCEPT 2>/dev/null || true; done
  $t-legacy -t $n -F; $t-legacy -t $n -X
done; done
arptables-legacy -P INPUT ACCEPT; arptables-legacy -F`
