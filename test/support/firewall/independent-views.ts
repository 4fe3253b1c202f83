import type { Host } from "../lab/lab.ts"

/**
 * Everything in force in a namespace, in views that snapshots and restores do not use: the kernel's instructions with
 * their data, the tables as `-L` prints them with exact counters, and `ipset list`. Equal text means equal rules.
 */
export function independentView(host: Host): string {
  const parts = [
    bytecode(host.try(["nft", "--debug=netlink", "list", "ruleset"]).stdout),
    hooks(host.try(["nft", "list", "chains"]).stdout),
    host.try(["nft", "list", "counters"]).stdout,
    host.try(["nft", "list", "quotas"]).stdout,
  ]
  for (const family of ["iptables", "ip6tables"])
    for (const table of ["filter", "nat", "mangle", "raw", "security"]) {
      if (host.try(["nft", "list", "table", family === "iptables" ? "ip" : "ip6", table]).code === 0)
        parts.push(
          `${family} ${table}`,
          chainsSorted(host.try([`${family}-nft`, "-t", table, "-nvxL"]).stdout),
        )
      const held = host
        .run(["cat", `/proc/net/${family === "iptables" ? "ip" : "ip6"}_tables_names`])
        .split("\n")
      const legacy = held.includes(table) ? host.run([`${family}-legacy`, "-t", table, "-nvxL"]) : ""
      // A legacy table cannot be removed: an empty one is what "none" looks like.
      const empty = !/policy (?!ACCEPT)|^ *\d/m.test(legacy) && !/references/.test(legacy)
      if (!empty) parts.push(`legacy ${family} ${table}`, chainsSorted(withoutPolicyCounters(legacy)))
    }
  for (const family of ["arp", "bridge"])
    if (host.try(["nft", "list", "table", family, "filter"]).code === 0)
      parts.push(host.try([family === "arp" ? "arptables-nft" : "ebtables-nft", "-L"]).stdout)
  const arp = host.run(["cat", "/proc/net/arp_tables_names"]).includes("filter")
    ? host.run(["arptables-legacy", "-n", "-v", "-L"])
    : ""
  if (/pcnt|policy DROP|references/.test(arp)) parts.push("legacy arp", arp)
  parts.push(
    host.try(["ipset", "-sorted", "list"]).stdout.replace(/^(Size in memory: \d+|Header: .*)$/gm, still),
  )
  return parts
    .join("\n")
    .replace(/ expires \w+/g, "")
    .replace(/ timeout \d+$/gm, "")
}

/** Rules by table and chain, without handles; anonymous sets and chains by order, not by the number they happen to have. */
function bytecode(debug: string): string {
  const blocks: string[] = []
  for (const paragraph of debug.split(/\n(?=(?:ip|ip6|inet|arp|bridge|netdev) \S+ \S+)/)) {
    const rules = paragraph.split(/\n(?=table |\n)/)[0] ?? ""
    if (!/^\w+ \S+ \S+ ?[\d ]*\n/.test(rules)) continue
    const [head = "", ...body] = rules.split("\n")
    const lines = body.filter((line) => /^\s/.test(line))
    const isSet = head.includes("@")
    blocks.push([head.replace(/( \d+)* *$/, ""), ...(isSet ? lines.sort() : lines)].join("\n"))
  }
  const chains = new Map<string, string[]>()
  for (const block of blocks) {
    const head = block.split("\n")[0] ?? ""
    chains.set(head, [...(chains.get(head) ?? []), block])
  }
  return [...chains.values()]
    .map((of) => of.join("\n"))
    .map((text) => text.replace(/__(set|map|chain)\d+/g, "__$1"))
    .sort()
    .join("\n")
}

/** Every chain with its hook, priority, devices and policy, a line each. */
function hooks(listing: string): string {
  const lines: string[] = []
  let table = ""
  for (const line of listing.split("\n")) {
    if (line.startsWith("table ")) table = line
    else if (line.startsWith("\tchain ")) lines.push(`${table} ${line.trim()}`)
    else if (line.startsWith("\t\t")) lines.push(`${lines.pop()} ${line.trim()}`)
  }
  return lines.sort().join("\n")
}

function chainsSorted(listing: string): string {
  return listing.trim().split("\n\n").sort().join("\n\n")
}

function withoutPolicyCounters(listing: string): string {
  return listing.replace(/\(policy (\w+) \d+ packets, \d+ bytes\)/g, "(policy $1)")
}

/** Set sizes and hash seeds are the kernel's own business. */
function still(line: string): string {
  return line.replace(/ (hashsize|initval|bucketsize) \S+/g, "").replace(/^Size in memory: \d+/, "")
}
