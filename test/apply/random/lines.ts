import fc, { type Arbitrary } from "fast-check"

/** One line for a shell; here-documents make some of them longer. It may fail: then it is left out. */
export type Line = string

/** Words of fixed and of generated text, with blanks between them. */
export function words(...parts: readonly (string | Arbitrary<string>)[]): Arbitrary<string> {
  return fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((all) => all.filter((word) => word !== "").join(" "))
}

const oneOf = (...all: readonly string[]): Arbitrary<string> => fc.constantFrom(...all)
const small = (most: number): Arbitrary<string> => fc.integer({ min: 1, max: most }).map(String)

const ownChains = ["ONE", "two", "th-ree"]
/** Names of IP sets; scripts swap them and rename them. */
const sets = ["alpha", "beta", "ga:mma"]

const builtin: Readonly<Record<string, readonly string[]>> = {
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  nat: ["PREROUTING", "OUTPUT", "POSTROUTING"],
  mangle: ["PREROUTING", "INPUT", "FORWARD", "POSTROUTING"],
  raw: ["PREROUTING", "OUTPUT"],
}

function matches(six: boolean): Arbitrary<string> {
  const address = small(9).map((n) => (six ? `2001:db8:${n}::/48` : `10.${n}.0.0/16`))
  return fc.oneof(
    { weight: 3, arbitrary: words("-p tcp --dport", small(99)) },
    { weight: 2, arbitrary: words("-s", address) },
    { weight: 2, arbitrary: oneOf("", "-i lo", "! -i eth0", "-i eth0 -p udp") },
    {
      weight: 1,
      arbitrary: words("-d", address, "-p tcp -m multiport --dports", small(9), "-m comment --comment x"),
    },
    { weight: 1, arbitrary: oneOf("-m conntrack --ctstate NEW", "-m state --state RELATED,ESTABLISHED") },
    {
      weight: 1,
      arbitrary: words(
        "-m comment --comment",
        oneOf("'a b'", `'say "hi"'`, "'it,is {odd}'", "'-c 1 2'", '"it\'s"'),
      ),
    },
    { weight: 1, arbitrary: words("-m mark --mark", oneOf("0x1", "0x10/0xff")) },
    { weight: 1, arbitrary: words("-m limit --limit", oneOf("5/min", "3/sec --limit-burst 9")) },
    { weight: 1, arbitrary: words("-m recent --set --name", oneOf("r1", "r2")) },
    {
      weight: 1,
      arbitrary: words("-m hashlimit --hashlimit-upto 9/sec --hashlimit-name", oneOf("h1", "h2")),
    },
    { weight: 1, arbitrary: words("-m set --match-set", oneOf(...sets), "src") },
    {
      weight: 1,
      arbitrary: oneOf(
        "-p tcp --syn",
        "-p udp --sport 53",
        six ? "-p icmpv6" : "-p icmp",
        "-m addrtype --dst-type LOCAL",
      ),
    },
  )
}

function targets(table: string, six: boolean): Arbitrary<string> {
  const address = six ? "2001:db8::9" : "192.0.2.9"
  const special: Readonly<Record<string, readonly string[]>> = {
    filter: ["-j REJECT", "-j LOG --log-prefix 'a b '", "-j NFLOG --nflog-group 3", ""],
    nat: [
      `-j DNAT --to-destination ${address}`,
      "-j MASQUERADE",
      "-p tcp -j REDIRECT --to-ports 8080",
      `-j SNAT --to-source ${address}`,
    ],
    mangle: [
      "-j MARK --set-mark 0x7",
      "-j CONNMARK --save-mark",
      "-j DSCP --set-dscp 8",
      "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
    ],
    raw: ["-j NOTRACK", "-j CT --notrack", "-j TRACE"],
  }
  const jumps = ownChains.flatMap((chain) => [`-j ${chain}`, `-g ${chain}`])
  return fc.oneof(
    oneOf("-j ACCEPT", "-j DROP", "-j RETURN"),
    oneOf(...jumps),
    oneOf(...(special[table] ?? [])),
  )
}

/** Lines of one of iptables' programs for one table. */
function tableLines(tool: string, table: string): Arbitrary<Line> {
  const six = tool.startsWith("ip6")
  const on = `${tool} -t ${table}`
  const chains = builtin[table] ?? []
  const any = fc.oneof(oneOf(...chains), oneOf(...ownChains))
  const rule = words(matches(six), targets(table, six))
  const block = fc
    .tuple(fc.array(words("-A", any, rule), { maxLength: 4 }), fc.subarray(ownChains), fc.boolean())
    .map(([rules, own, whole]) => {
      const restore = tool.replace(/(tables)/, "$1-restore").replace(/-restore-(\w+)/, "-$1-restore")
      const heads = own.map((name) => `:${name} - [0:0]`)
      const text = [`*${table}`, ...heads, ...rules, "COMMIT"].join("\n")
      return `${restore} ${whole ? "" : "--noflush "}<<'END'\n${text.replaceAll(/'([^'\n]*)'/g, '"$1"')}\nEND`
    })
  return fc.oneof(
    { weight: 8, arbitrary: words(on, "-A", any, rule) },
    { weight: 4, arbitrary: words(on, "-N", oneOf(...ownChains)) },
    { weight: 4, arbitrary: words(on, "-I", any, oneOf("", "1", "2"), rule) },
    { weight: 3, arbitrary: words(on, "-D", any, oneOf("1", "2", "3")) },
    { weight: 1, arbitrary: words(on, "-R", any, oneOf("1", "2"), rule) },
    { weight: 2, arbitrary: words(on, "-F", any) },
    { weight: 1, arbitrary: words(on, "-X", oneOf(...ownChains)) },
    { weight: 1, arbitrary: oneOf(`${on} -F`, `${on} -X`) },
    { weight: 2, arbitrary: words(on, "-P", oneOf(...chains), oneOf("ACCEPT", "DROP")) },
    { weight: 1, arbitrary: words(on, "-A", any, rule, "-c 7 420") },
    { weight: 1, arbitrary: words(on, "-Z", oneOf("", ...chains)) },
    { weight: 1, arbitrary: words(on, "-E", oneOf(...ownChains), oneOf(...ownChains)) },
    { weight: 1, arbitrary: block },
  )
}

function xtables(tool: string): Arbitrary<Line> {
  return fc.oneof(
    { weight: 4, arbitrary: tableLines(tool, "filter") },
    { weight: 1, arbitrary: tableLines(tool, "nat") },
    { weight: 1, arbitrary: tableLines(tool, "mangle") },
    { weight: 1, arbitrary: tableLines(tool, "raw") },
  )
}

function arptables(tool: string): Arbitrary<Line> {
  const chain = oneOf("INPUT", "OUTPUT", "ONE", "two")
  const rule = words(
    oneOf("-s 10.1.0.0/16", "! -d 10.2.0.0/16", "", "--opcode 1", "--source-mac 02:00:00:00:00:01"),
    oneOf("-j DROP", "-j ACCEPT", "-j ONE", "-j two", "-j RETURN"),
  )
  return fc.oneof(
    { weight: 4, arbitrary: words(tool, oneOf("-A", "-I"), chain, rule) },
    { weight: 2, arbitrary: words(tool, "-A INPUT -i eth0", rule) },
    { weight: 2, arbitrary: words(tool, "-N", oneOf("ONE", "two")) },
    {
      weight: 1,
      arbitrary: words(
        tool,
        oneOf(
          ...["-P INPUT DROP", "-P OUTPUT ACCEPT", "-F INPUT", "-F", "-X", "-F ONE", "-X two", "-D INPUT 1"],
          "-A INPUT --destination-mac 02:00:00:00:00:02/ff:ff:ff:00:00:00 -j DROP",
          "-A OUTPUT -j mangle --mangle-ip-s 10.0.0.9",
        ),
      ),
    },
  )
}

function ebtables(table: string, chains: readonly string[]): Arbitrary<Line> {
  const tool = `ebtables-nft -t ${table}`
  const chain = oneOf(...chains, "ONE", "two")
  const rule = words(
    oneOf("-p ARP", "-p IPv4 --ip-proto tcp", "-s 02:00:00:00:00:01", "--mark 5/7", "--limit 5/s", ""),
    oneOf("-j DROP", "-j ACCEPT", "-j ONE", "-j two", "-j CONTINUE", "-j mark --mark-set 5"),
  )
  return fc.oneof(
    { weight: 4, arbitrary: words(tool, oneOf("-A", "-I"), chain, rule) },
    { weight: 2, arbitrary: words(tool, "-N", oneOf("ONE", "two"), oneOf("", "-P DROP", "-P RETURN")) },
    { weight: 1, arbitrary: words(tool, "-P", chain, oneOf("DROP", "ACCEPT")) },
    { weight: 1, arbitrary: words(tool, oneOf("-F", "-X", "-D", "-Z"), chain, oneOf("", "1")) },
    { weight: 1, arbitrary: words(tool, oneOf("-F", "-X")) },
  )
}

const layer2 = fc.oneof(
  { weight: 3, arbitrary: arptables("arptables-nft") },
  { weight: 1, arbitrary: arptables("arptables-legacy") },
  { weight: 3, arbitrary: ebtables("filter", ["INPUT", "FORWARD"]) },
  { weight: 1, arbitrary: ebtables("nat", ["PREROUTING", "POSTROUTING"]) },
)

const element = fc.oneof(
  small(9).map((n) => `10.0.0.${n}`),
  small(9).map((n) => `10.0.1.${n}`),
)

const ipsets = fc.oneof(
  {
    weight: 4,
    arbitrary: words(
      "ipset create",
      oneOf(...sets),
      oneOf("hash:ip", "hash:ip", "hash:net", "hash:ip timeout 900", "hash:ip comment", "hash:ip counters"),
    ),
  },
  { weight: 4, arbitrary: words("ipset add", oneOf(...sets), element) },
  { weight: 1, arbitrary: words("ipset del", oneOf(...sets), element) },
  { weight: 1, arbitrary: words("ipset flush", oneOf(...sets, "")) },
  { weight: 1, arbitrary: words("ipset destroy", oneOf(...sets, "")) },
  { weight: 1, arbitrary: words("ipset swap", oneOf(...sets), oneOf(...sets)) },
  { weight: 1, arbitrary: words("ipset rename", oneOf(...sets), oneOf(...sets)) },
  {
    weight: 1,
    arbitrary: oneOf("ipset create ga:mma list:set", "ipset add ga:mma alpha", "ipset add ga:mma beta"),
  },
)

const hooks: Readonly<Record<string, readonly string[]>> = {
  ip: ["input", "forward", "output", "prerouting"],
  arp: ["input", "output"],
  bridge: ["input", "forward"],
  netdev: ["ingress device eth0"],
}

/** Lines of nft for tables of its own, and for rules of its own in tables of iptables. */
function native(family: string): Arbitrary<Line> {
  const nft = (...parts: readonly (string | Arbitrary<string>)[]): Arbitrary<Line> =>
    words(...parts).map((text) => `nft '${text}'`)
  const table = oneOf(...["t1", "t1", "t2", ...(family === "ip" || family === "ip6" ? ["filter"] : [])]).map(
    (name) => `${family} ${name}`,
  )
  const base = oneOf("in", "out")
  const own = oneOf("deep", "deeper")
  const chain = fc.oneof(base, own, ...(family.startsWith("ip") ? [oneOf("INPUT")] : []))
  const layer3 = family === "ip" || family === "ip6" || family === "inet"
  const match = layer3
    ? fc.oneof(
        words("tcp dport", small(99)),
        oneOf(
          "",
          "iifname lo",
          "meta mark 0x10",
          'iifname { "eth0", "x*" }',
          "tcp dport { 22, 80, 1000-2000 }",
          "ct state established,related",
        ),
        oneOf(
          "limit rate 9/minute",
          "meta length > 1400",
          "tcp dport @ports",
          "counter name hits",
          'log prefix "a b "',
        ),
        ...(family === "ip6" ? [] : [oneOf("ip saddr @nets", "ip saddr 10.0.0.0/8", "ip daddr != 10.1.2.3")]),
      )
    : oneOf("", "meta mark 0x10", family === "arp" ? "arp operation request" : "meta length > 1400")
  const verdict = fc.oneof(
    oneOf("accept", "drop", "counter accept", "return", "continue"),
    oneOf(
      "jump deep",
      "goto deeper",
      ...(layer3 ? ["tcp dport vmap { 1 : accept, 2 : jump deep }", "tcp dport vmap @way"] : []),
    ),
  )
  const rule = words(match, verdict, oneOf("", 'comment "x { y"', 'comment "a b"'))
  const hook = oneOf(...(hooks[family] ?? hooks.ip ?? []))
  const priority = oneOf("0", "-5", "10")
  const lines: { weight: number; arbitrary: Arbitrary<Line> }[] = [
    { weight: 3, arbitrary: nft("add table", table) },
    { weight: 3, arbitrary: nft("add chain", table, own) },
    {
      weight: 4,
      arbitrary: nft(
        "add chain",
        table,
        base,
        "{ type filter hook",
        hook,
        "priority",
        priority,
        oneOf("; }", "; policy accept ; }", "; policy drop ; }"),
      ),
    },
    { weight: 6, arbitrary: nft("add rule", table, chain, rule) },
    { weight: 2, arbitrary: nft("insert rule", table, chain, rule) },
    { weight: 2, arbitrary: nft("flush chain", table, chain) },
    { weight: 1, arbitrary: nft("delete chain", table, chain) },
    { weight: 1, arbitrary: nft("rename chain", table, own, own) },
    { weight: 1, arbitrary: nft("flush table", table) },
    { weight: 1, arbitrary: nft("delete table", table) },
    {
      weight: 1,
      arbitrary: nft("add chain", table, base, oneOf("{ policy drop ; }", "{ policy accept ; }")),
    },
    { weight: 1, arbitrary: nft("add table", table, oneOf("{ flags dormant ; }", "{ ; }")) },
    {
      weight: 1,
      arbitrary: words(
        "table",
        table,
        "{ chain",
        own,
        "{",
        rule,
        "; } ; chain",
        base,
        "{ type filter hook",
        hook,
        "priority",
        priority,
        "; }; }",
      ).map((text) => `nft -f - <<'END'\n${text}\nEND`),
    },
  ]
  const anew = words(oneOf("", "flush", "delete"), oneOf("with its sets", "")).chain((how) =>
    fc
      .tuple(
        table,
        fc.array(rule, { maxLength: 3 }),
        hook,
        oneOf("", 'ct helper ftp { type "ftp" protocol tcp; }; '),
      )
      .map(([name, rules, at, helper]) => {
        const verb = how.split(" ")[0]
        const head = verb === "" ? "" : `add table ${name}\n${verb} table ${name}\n`
        const held = how.includes("sets")
          ? "set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }; set ports { type inet_service; }; "
          : ""
        const chains = `chain deep { }; chain deeper { counter; }; chain in { type filter hook ${at} priority 0; policy drop; ${rules.join("; ")}; }`
        return `nft -f - <<'END'\n${head}table ${name} { ${layer3 ? helper + held : ""}${chains}; }\nEND`
      }),
  )
  lines.push({ weight: 2, arbitrary: anew })
  if (layer3)
    lines.push(
      {
        weight: 3,
        arbitrary: nft(
          "add set",
          table,
          oneOf(
            "ports { type inet_service ; }",
            "nets { type ipv4_addr ; flags interval ; }",
            "nets { type ipv4_addr ; flags timeout ; timeout 1h ; }",
            "ports { type inet_service ; flags dynamic,timeout ; timeout 1m ; }",
          ),
        ),
      },
      {
        weight: 3,
        arbitrary: nft(
          "add element",
          table,
          oneOf("ports { 22, 80 }", "ports { 443 }", "nets { 10.1.0.0/16 }", "nets { 10.2.3.4 }"),
        ),
      },
      { weight: 1, arbitrary: nft("delete element", table, oneOf("ports { 22 }", "nets { 10.2.3.4 }")) },
      { weight: 1, arbitrary: nft(oneOf("flush set", "delete set"), table, oneOf("ports", "nets")) },
      {
        weight: 1,
        arbitrary: nft(
          "add map",
          table,
          "way { type inet_service : verdict ; elements = { 7 : accept, 8 :",
          oneOf("drop", "jump deep", "goto deeper"),
          "} ; }",
        ),
      },
      {
        weight: 1,
        arbitrary: nft(
          "add set",
          table,
          oneOf(
            "pairs { type ipv4_addr . inet_service ; flags interval ; elements = { 10.0.0.0/8 . 1-9 } ; }",
            "seen { type ipv4_addr ; flags dynamic ; counter ; }",
            "late { type ipv4_addr ; flags timeout ; elements = { 10.3.3.3 timeout 1h } ; }",
          ),
        ),
      },
      {
        weight: 1,
        arbitrary: nft(
          "add rule",
          table,
          chain,
          oneOf(
            "ip saddr . tcp dport @pairs drop",
            "add @seen { ip saddr }",
            "update @late { ip saddr timeout 5m }",
            "quota over 9 mbytes drop",
            'quota name "much" drop',
            "ct count over 9 drop",
            'ct helper set "ftp"',
          ),
        ),
      },
      {
        weight: 1,
        arbitrary: nft(oneOf("add quota", "delete quota"), table, "much", oneOf("", "{ over 9 mbytes ; }")),
      },
      {
        weight: 1,
        arbitrary: nft("add flowtable", table, "fast { hook ingress priority 0 ; devices = { eth0 } ; }"),
      },
      { weight: 1, arbitrary: nft("add rule", table, "forward", "flow add @fast") },
      {
        weight: 1,
        arbitrary: nft(
          "add element",
          table,
          oneOf("late { 10.3.3.4 timeout 2h }", "late { 10.3.3.5 }", "seen { 10.3.3.6 }"),
        ),
      },
      {
        weight: 1,
        arbitrary: nft("delete element", table, oneOf("late { 10.3.3.3 }", "pairs { 10.0.0.0/8 . 1-9 }")),
      },
      { weight: 1, arbitrary: nft("add element", table, "way { 9 :", oneOf("accept", "jump deep"), "}") },
      { weight: 1, arbitrary: nft(oneOf("add counter", "delete counter"), table, "hits") },
      {
        weight: 1,
        arbitrary: nft(
          "add chain",
          table,
          "nat { type nat hook",
          oneOf("prerouting priority -100", "postrouting priority 100"),
          "; }",
        ),
      },
      {
        weight: 1,
        arbitrary: nft("add rule", table, "nat", oneOf("masquerade", "tcp dport 80 redirect to :8080")),
      },
    )
  return fc.oneof(...lines)
}

/** Any line that changes rules. */
export const line: Arbitrary<Line> = fc.oneof(
  { weight: 8, arbitrary: xtables("iptables") },
  { weight: 2, arbitrary: xtables("ip6tables") },
  { weight: 2, arbitrary: xtables("iptables-legacy") },
  { weight: 1, arbitrary: xtables("ip6tables-legacy") },
  { weight: 4, arbitrary: ipsets },
  { weight: 4, arbitrary: native("inet") },
  { weight: 3, arbitrary: native("ip") },
  { weight: 1, arbitrary: native("ip6") },
  { weight: 1, arbitrary: native("bridge") },
  { weight: 1, arbitrary: native("arp") },
  { weight: 1, arbitrary: native("netdev") },
  { weight: 1, arbitrary: layer2 },
  {
    weight: 1,
    arbitrary: oneOf("nft flush ruleset", "iptables -F", "iptables -X", "ip6tables -F", "iptables -t nat -F"),
  },
)

/** Lines of one kind, and what most of these need to be there. */
interface Kind {
  readonly any: Arbitrary<Line>
  readonly first: readonly Line[]
}

function withChains(tool: string): Kind {
  const first = [
    `${tool} -N ONE`,
    `${tool} -N two`,
    `${tool} -A INPUT -p tcp --dport 22 -j ACCEPT`,
    `${tool} -A INPUT -j ONE`,
    `${tool} -A ONE -j two`,
    `${tool} -t nat -N ONE`,
  ]
  return { any: xtables(tool), first }
}

function withTable(family: string): Kind {
  const table = `${family} t1`
  const first = [
    `nft 'add table ${table}'`,
    `nft 'add chain ${table} deep'`,
    `nft 'add chain ${table} deeper'`,
    `nft 'add chain ${table} in { type filter hook input priority 0 ; }'`,
    `nft 'add set ${table} ports { type inet_service ; }'`,
    `nft 'add set ${table} nets { type ipv4_addr ; flags timeout ; timeout 1h ; }'`,
    `nft 'add counter ${table} hits'`,
    `nft 'add map ${table} way { type inet_service : verdict ; elements = { 7 : accept, 8 : jump deep } ; }'`,
    `nft 'add rule ${table} in tcp dport @ports jump deeper'`,
  ]
  return { any: native(family), first }
}

const setsFirst = [
  "ipset create alpha hash:ip",
  "ipset create beta hash:ip timeout 900",
  "ipset add alpha 10.0.0.1",
  "ipset add beta 10.0.0.2",
]

const layer2First = [
  ...["arptables-nft", "arptables-legacy", "ebtables-nft"].flatMap((tool) => [
    `${tool} -N ONE`,
    `${tool} -N two`,
    `${tool} -A INPUT -j ONE`,
    `${tool} -A ONE -j two`,
  ]),
  "arptables-nft -A two -s 10.1.0.0/16 -j DROP",
  "ebtables-nft -A two -p ARP -j DROP",
]

const kinds: readonly Kind[] = [
  withChains("iptables"),
  withChains("iptables-legacy"),
  withTable("inet"),
  withTable("ip"),
  { any: ipsets, first: setsFirst },
  withChains("ip6tables"),
  { any: layer2, first: layer2First },
]
const anyKind: Kind = { any: line, first: [] }

/** A state and a script; most of their lines are of two kinds only, so that they meet. */
export const stateAndScript: Arbitrary<{ state: readonly Line[]; script: readonly Line[] }> = fc
  .tuple(fc.nat(kinds.length), fc.nat(kinds.length))
  .chain(([one, two]) => {
    const both = [kinds[one] ?? anyKind, kinds[two] ?? anyKind]
    const any = fc.oneof(...both.map((kind) => kind.any))
    return fc
      .record({
        first: fc.subarray([...new Set(both.flatMap((kind) => kind.first))]),
        more: fc.array(any, { maxLength: 15, size: "max" }),
        script: fc.array(any, { minLength: 1, maxLength: 15, size: "max" }),
      })
      .map(({ first, more, script }) => ({ state: [...first, ...more], script }))
  })

/** True where a script takes away what it does not name, or empties a built-in chain, whose jumps may be others': somebody else's is kept then, unless fw-apply is told otherwise. */
export function takesWhole(script: readonly Line[]): boolean {
  return script.some((text) =>
    /(^|; )(ip6?|arp|eb)tables(-\w+)?( -t \w+)? -([FXZ](;|$)|F (INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING))|flush ruleset|ipset (flush|destroy)(;|$| *$)|-restore <</m.test(
      text,
    ),
  )
}
