/** A small seeded generator (mulberry32): the same seed, the same rules. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below
  }
}

export interface RandomRules {
  /** A shell script that loads them. */
  readonly script: string
  /** No rule has a match: what can become of one packet becomes of every packet. */
  readonly unconditional: boolean
}

const pick = <T>(below: (n: number) => number, from: readonly T[]): T =>
  from[Math.floor(below(from.length))] as T

/**
 * Rules that a TCP connection from 192.0.2.2 to port 22 meets, on its way in and its answer's way out: jumps, gotos, sets,
 * verdict maps, marks and policies, in one of the backends.
 */
export function randomVerdicts(seed: number): RandomRules {
  const below = seeded(seed)
  const unconditional = below(2) < 1
  const backend = pick(below, ["native", "native", "iptables-nft", "iptables-legacy"] as const)
  const script = backend === "native" ? native(below, unconditional) : iptables(below, unconditional, backend)
  return { script, unconditional }
}

function native(below: (n: number) => number, unconditional: boolean): string {
  const tables = Array.from({ length: 1 + Math.floor(below(2)) }, (_, index) => {
    const family = pick(below, ["ip", "inet"])
    const own = Array.from({ length: 4 }, (_, nth) => {
      const rules = Array.from({ length: Math.floor(below(3)) }, () => nativeRule(below, unconditional, nth))
      return `chain c${nth} {\n${rules.join("\n")}\n}`
    })
    const hooks = ["input", "prerouting", "output", "postrouting"].filter(() => below(2) < 1)
    const bases = hooks.map((hook) => {
      const rules = Array.from({ length: Math.floor(below(4)) }, () => nativeRule(below, unconditional, -1))
      const policy = below(4) < 1 ? "drop" : "accept"
      const priority = pick(below, [-300, -150, -5, 0, 10, 50])
      return `chain ${hook} {\ntype filter hook ${hook} priority ${priority}; policy ${policy};\n${rules.join("\n")}\n}`
    })
    const sets = `set near { type ipv4_addr; elements = { 192.0.2.2, 192.0.2.1 } }
      set far { type ipv4_addr; elements = { 198.51.100.1 } }`
    // A chain jumps only to those behind it, so there is no loop; they have to be there first.
    const maps = "map ports { type inet_service : verdict; elements = { 22 : jump c3, 80 : drop } }"
    const empty = own.map((_, nth) => `chain c${nth} { }`).join("\n")
    return `table ${family} t${index} {\n${empty}\n${sets}\n${maps}\n${own.join("\n")}\n${bases.join("\n")}\n}`
  })
  return `nft -f - <<'RULES'\n${tables.join("\n")}\nRULES`
}

function nativeRule(below: (n: number) => number, unconditional: boolean, chain: number): string {
  const targets = [0, 1, 2, 3].filter((nth) => nth > chain)
  const jumps = targets.flatMap((nth) => [`jump c${nth}`, `goto c${nth}`])
  const plain = ["", "accept", "drop", "return", "counter", "meta mark set 5", ...jumps]
  const verdict = below(5) < 1 ? "drop" : pick(below, plain)
  if (unconditional) return verdict === "" ? "counter" : `counter ${verdict}`
  const matches = [
    "meta l4proto tcp",
    "tcp dport 9",
    "ip saddr @near",
    "ip saddr @far",
    'iifname "eth0"',
    'oifname "other0"',
    "ip saddr 192.0.2.0/24",
    "",
  ]
  const vmaps = [
    "tcp dport vmap { 22 : drop, 80 : accept }",
    "tcp dport vmap { 9 : drop, 22 : accept }",
    ...(chain < 3 ? ["tcp dport vmap @ports"] : []),
  ]
  if (below(5) < 1) return pick(below, vmaps)
  return `${pick(below, matches)} ${verdict === "" ? "counter" : verdict}`.trim()
}

function iptables(below: (n: number) => number, unconditional: boolean, tool: string): string {
  const hooks = {
    filter: ["INPUT", "OUTPUT"],
    mangle: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
    raw: ["PREROUTING", "OUTPUT"],
    security: ["INPUT", "OUTPUT"],
  }
  const tables = (Object.keys(hooks) as (keyof typeof hooks)[]).filter(() => below(2) < 1)
  const sections = tables.map((table) => {
    const rules: string[] = []
    const rule = (chain: string, nth: number): void => {
      const targets = [0, 1, 2, 3].filter((one) => one > nth)
      const verdicts = [
        "",
        "-j ACCEPT",
        "-j DROP",
        "-j RETURN",
        ...targets.flatMap((one) => [`-j c${one}`, `-g c${one}`]),
      ]
      const matches = ["-p tcp", "-p tcp --dport 9", "-s 192.0.2.0/24", "-i eth0", "-o other0", ""]
      const usable = /OUTPUT|POSTROUTING/.test(chain)
        ? matches.filter((one) => !one.includes("-i "))
        : matches
      const match = unconditional
        ? ""
        : pick(
            below,
            usable.filter((one) => !/^(PRE|INPUT)/.test(chain) || !one.includes("-o ")),
          )
      // A match on a device is refused where the packet has none, so own chains go without.
      const safe = chain.startsWith("c") && / ?-[io] /.test(match) ? "" : match
      rules.push(`-A ${chain} ${safe} ${pick(below, verdicts)}`.replace(/ +/g, " ").trim())
    }
    for (let nth = 0; nth < 4; nth++) for (let count = below(3); count >= 1; count--) rule(`c${nth}`, nth)
    for (const chain of hooks[table]) for (let count = below(4); count >= 1; count--) rule(chain, -1)
    const policies = hooks[table].map((chain) => `:${chain} ${below(5) < 1 ? "DROP" : "ACCEPT"} [0:0]`)
    return [
      `*${table}`,
      ...policies,
      ...[0, 1, 2, 3].map((nth) => `:c${nth} - [0:0]`),
      ...rules,
      "COMMIT",
    ].join("\n")
  })
  return `${tool}-restore <<'RULES'\n${sections.join("\n")}\nRULES`
}
