/**
 * Random rulesets over all backends, as shell lines for an empty namespace with eth0 and eth1. The same numbers make the
 * same rules.
 */
export function randomRules(random: () => number): string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const times = (most: number, line: () => string): string[] =>
    Array.from({ length: Math.floor(random() * (most + 1)) }, line)
  const number = (most: number): number => 1 + Math.floor(random() * most)
  const counters = (): string => `-c ${number(999)} ${number(99999)}`

  const sets = ["alpha", "beta"].map((name) => {
    const elements = times(5, () => `ipset -exist add ${name} 10.0.${number(250)}.${number(250)}`)
    return [`ipset create ${name} hash:ip ${pick(["", "counters", "comment"])}`, ...elements].join("\n")
  })

  const xtables = (tool: string, table: string, chains: readonly string[]): string[] => {
    const own = ["one", "two", "three"].slice(0, number(3))
    const v4 = tool.startsWith("iptables")
    const match = (): string =>
      pick([
        "",
        `-p tcp --dport ${number(65000)}`,
        `-p udp -m multiport --dports ${number(1000)},${number(1000)}`,
        `-s ${v4 ? `10.${number(200)}.0.0/16` : `2001:db8:${number(99)}::/48`}`,
        `-i eth${number(2) - 1}`,
        `-m recent --name r${number(9)} --set`,
        `-m hashlimit --hashlimit-above ${number(50)}/sec --hashlimit-name ${tool.slice(0, 3)}${number(999999)}`,
        `-m conntrack --ctstate ${pick(["NEW", "ESTABLISHED,RELATED", "INVALID"])}`,
        `-m comment --comment '${pick(["a b", 'say "hi"', "it,is {odd}", "-c 1 2"])}'`,
        `-m mark --mark 0x${number(255).toString(16)}`,
        `-m limit --limit ${number(9)}/min`,
        ...(v4 ? [`-m set --match-set ${pick(["alpha", "beta"])} src`] : []),
      ])
    const target = (from: number): string => {
      const later = own.slice(from)
      const verdicts = ["-j ACCEPT", "-j DROP", "-j RETURN", `-j LOG --log-prefix 'l${number(9)} '`, ""]
      return pick(later.length > 0 ? [...verdicts, `-j ${pick(later)}`, `-g ${pick(later)}`] : verdicts)
    }
    const append = (chain: string, from: number): string =>
      `${tool} -t ${table} -A ${chain} ${match()} ${target(from)} ${counters()}`
    return [
      ...own.map((name) => `${tool} -t ${table} -N ${name}`),
      ...chains.flatMap((chain) => times(5, () => append(chain, 0))),
      ...own.flatMap((chain, at) => times(3, () => append(chain, at + 1))),
      ...chains.map((chain) => `${tool} -t ${table} -P ${chain} ${pick(["ACCEPT", "DROP"])}`),
    ]
  }

  const native = (family: string, at: number): string[] => {
    const name = `t${at}`
    const hook = family === "bridge" ? ["input", "forward"] : ["input", "forward", "output", "prerouting"]
    const verdict = (): string => pick(["accept", "drop", "return", "jump deep", "goto deep", "continue"])
    const match = (): string =>
      family === "arp"
        ? pick(["", "arp operation request", "arp htype 1"])
        : pick([
            "",
            `meta mark 0x${number(255).toString(16)}`,
            `iifname { "eth0", "x${number(9)}*" }`,
            `tcp dport { ${number(99)}, ${100 + number(99)}, ${1000 + number(99)}-${2000 + number(99)} }`,
            `udp sport ${number(999)}-${1000 + number(999)}`,
            `tcp dport vmap { ${number(99)} : accept, ${100 + number(99)} : jump deep }`,
            `limit rate ${number(99)}/minute`,
            `meta length > ${number(1400)}`,
          ])
    const rule = (chain: string, verdicts: () => string): string => {
      const matched = match()
      const action = matched.includes("vmap") ? "" : verdicts()
      const comment = random() < 0.3 ? `comment "${pick(["a b", "x { y", "c, d } e"])}"` : ""
      return `nft 'add rule ${family} ${name} ${chain} ${matched.includes("vmap") ? matched : `${matched} counter packets ${number(99)} bytes ${number(9999)} ${action}`} ${comment}'`
    }
    const base = family === "arp" ? ["input", "output"] : hook
    return [
      `nft add table ${family} ${name}`,
      `nft add chain ${family} ${name} deep`,
      `nft 'add rule ${family} ${name} deep counter packets ${number(9)} bytes ${number(99)}'`,
      ...times(2, () => "").flatMap((_, n) => {
        const type = `type filter hook ${pick(base)} priority ${number(400) - 200}`
        const chain = `base${n}`
        return [
          `nft 'add chain ${family} ${name} ${chain} { ${type} ; policy ${pick(["accept", "drop"])} ; }'`,
          ...times(5, () => rule(chain, verdict)),
        ]
      }),
      ...(family === "arp" || family === "bridge"
        ? []
        : [
            `nft 'add set ${family} ${name} s { type ipv4_addr ; flags interval ; elements = { 10.${number(200)}.0.0/16, 172.16.0.${number(250)} } ; }'`,
            `nft 'add map ${family} ${name} m { type inet_service : verdict ; elements = { ${number(99)} : accept, ${100 + number(99)} : jump deep } ; }'`,
            ...(family === "ip6" ? [] : [`nft 'add rule ${family} ${name} deep ip saddr @s drop'`]),
          ]),
      ...(random() < 0.2 ? [`nft 'add table ${family} ${name} { flags dormant ; }'`] : []),
    ]
  }

  const tools = ["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"]
  const tables = [
    ["filter", ["INPUT", "FORWARD", "OUTPUT"]],
    ["mangle", ["PREROUTING", "POSTROUTING"]],
    ["raw", ["PREROUTING", "OUTPUT"]],
  ] as const
  return [
    ...sets,
    ...tools.flatMap((tool) =>
      tables.flatMap(([table, chains]) => (random() < 0.6 ? xtables(tool, table, chains) : [])),
    ),
    ...["ip", "ip6", "inet", "arp", "bridge"].flatMap((family, at) =>
      random() < 0.6 ? native(family, at) : [],
    ),
  ].join("\n")
}
