import type { Obstacle } from "./obstacle.ts"
import { type ChainRules, shownRule, type TableRules, withoutQuotes } from "./rule-texts.ts"

/** The things that tell whether a rule can be about somebody who logs in here. */
export interface Login {
  readonly ports: readonly number[]
  /** The addresses of this machine. */
  readonly addresses: ReadonlySet<string>
}

/**
 * The rules in nat that can carry a port that people log in by elsewhere, on the way of a packet that comes in: through
 * jumps and gotos, and past every match that cannot hold for it. What a match leaves open counts as "can".
 */
export function portTranslations(tables: readonly TableRules[], login: Login): Obstacle[] {
  return tables.flatMap((table) => {
    const starts =
      table.dialect === "nft"
        ? table.chains.filter(({ declaration }) => /^type nat hook prerouting\b/.test(declaration))
        : table.name === "nat"
          ? table.chains.filter(({ name }) => name === "PREROUTING")
          : []
    const found = starts.flatMap((start) => carriers(table, start, login))
    return [...new Set(found)].map((where) => ({ kind: "port-translation" as const, where }))
  })
}

function carriers({ dialect, where, chains }: TableRules, start: ChainRules, login: Login): string[] {
  const byName = new Map(chains.map((chain) => [chain.name, chain]))
  const entered = new Set<string>()
  const found: string[] = []
  const walk = (chain: ChainRules): void => {
    if (entered.has(chain.name)) return
    entered.add(chain.name)
    for (const rule of chain.rules) {
      const bare = withoutQuotes(rule)
      if (!(dialect === "nft" ? nftCanHold(bare, login) : iptablesCanHold(bare, login))) continue
      const carries = dialect === "nft" ? /\b(dnat|redirect)\b/ : /-j (DNAT|REDIRECT|NETMAP)\b/
      if (carries.test(bare)) found.push(`${where} ${chain.name}: ${shownRule(rule)}`)
      const leads = dialect === "nft" ? /\b(?:jump|goto) ([^\s{},;]+)/g : /-[jg] (\S+)/g
      for (const [, name = ""] of bare.matchAll(leads)) {
        const next = byName.get(name)
        if (next !== undefined) walk(next)
      }
    }
  }
  walk(start)
  return found
}

function iptablesCanHold(rule: string, login: Login): boolean {
  const options = ` ${rule}`
  const [, protocol = "tcp"] = /(?<!!) -p (\S+)/.exec(options) ?? []
  if (!["tcp", "6", "all", "0"].includes(protocol)) return false
  const [, ports] = /(?<!!) --(?:dport|dports|destination-ports) (\S+)/.exec(options) ?? []
  if (ports !== undefined && !holdsPort(ports.split(","), login)) return false
  const [, to] = /(?<!!) -d (\S+)/.exec(options) ?? []
  return to === undefined || canBeHere(to, login)
}

function nftCanHold(rule: string, login: Login): boolean {
  if (/\b(udp|sctp|dccp|udplite) (dport|sport)\b/.test(rule)) return false
  if (/\b(meta l4proto|ip protocol|ip6 nexthdr) (udp|icmp|icmpv6|ipv6-icmp|sctp|\d+\b(?<!\b6))/.test(rule))
    return false
  for (const [, listed, single] of rule.matchAll(
    /\b(?:tcp|th) dport (?:v?map )?(?:\{([^}]*)\}|([^\s@!{]\S*))/g,
  )) {
    const ports = (listed ?? single ?? "").split(",").map((one) => one.split(" : ")[0]?.trim() ?? "")
    if (!holdsPort(ports, login)) return false
  }
  const [, to] = /\bip6? daddr ([^\s@!{]\S*)/.exec(rule) ?? []
  return to === undefined || canBeHere(to, login)
}

/** Ports and ranges (`1:100`, `1-100`); a name that is no number may be anything. */
function holdsPort(ports: readonly string[], login: Login): boolean {
  return ports.some((one) => {
    const [first = "", last = first] = one.split(/[:-]/)
    if (!/^\d+$/.test(first) || !/^\d+$/.test(last)) return true
    return login.ports.some((port) => Number(first) <= port && port <= Number(last))
  })
}

/** One address that is not of this machine cannot be; a net can. */
function canBeHere(to: string, { addresses }: Login): boolean {
  const [, single] = /^([0-9a-f.:]+)(?:\/32|\/128)?$/i.exec(to) ?? []
  return single === undefined || addresses.has(single)
}
