import { afterAll, describe, it } from "vitest"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"
import { type Case, goesAsTheScript } from "./as-the-script.ts"

if (labUnavailable) process.stderr.write(`skipped: scripts that leave empty tables: ${labUnavailable}\n`)

/** The usual head of a script. */
const head = (variant: string, tables: readonly string[]): string =>
  ["iptables", "ip6tables"]
    .flatMap((tool) => [
      ...["", ...tables.map((table) => `-t ${table} `)].flatMap((on) => [
        `${tool}-${variant} ${on}-F`,
        `${tool}-${variant} ${on}-X`,
        `${tool}-${variant} ${on}-Z`,
      ]),
      ...["INPUT", "FORWARD", "OUTPUT"].map((chain) => `${tool}-${variant} -P ${chain} ACCEPT`),
    ])
    .join("\n")

/** Tables of both backends, chains of a user's own in some. */
const full = ["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"]
  .map(
    (tool) => `
${tool} -N own
${tool} -A INPUT -p tcp --dport 22 -j own
${tool} -A own -m conntrack --ctstate NEW -j ACCEPT
${tool} -P FORWARD DROP
${tool} -t nat -A PREROUTING -p tcp --dport 80 -j own80 2>/dev/null || ${tool} -t nat -N own80
${tool} -t mangle -A FORWARD -j MARK --set-mark 1
${tool} -t raw -A PREROUTING -p udp -j NOTRACK`,
  )
  .join("\n")

const heads: readonly Case[] = ["nft", "legacy"].flatMap((variant) =>
  [
    { state: "an empty machine", before: "true" },
    { state: "a machine with tables of both backends", before: full },
  ].flatMap(({ state, before }) => [
    {
      name: `the head of a script, with ${variant}, on ${state}`,
      before,
      script: head(variant, ["nat", "mangle", "raw", "security"]),
    },
    {
      name: `a short head and rules behind it, with ${variant}, on ${state}`,
      before,
      script: `${head(variant, [])}
iptables-${variant} -A INPUT -p tcp --dport 22 -j ACCEPT
iptables-${variant} -P INPUT DROP
iptables-${variant} -t nat -F PREROUTING
ip6tables-${variant} -t mangle -P OUTPUT ACCEPT`,
    },
    {
      name: `chains without rules, and a file without any, with ${variant}, on ${state}`,
      before,
      script: `iptables-${variant} -N empty || true
ip6tables-${variant} -t nat -N empty || true
printf '*raw\\n:hollow - [0:0]\\nCOMMIT\\n*mangle\\nCOMMIT\\n' | iptables-${variant}-restore`,
    },
  ]),
)

/** Of nft's own, and by the names of those of iptables and its kin. */
const tables = [
  ...["inet x", "ip x", "arp x", "bridge x", "netdev x"],
  ...["ip filter", "ip6 nat", "arp filter", "bridge filter", "bridge nat"],
]
const each = (command: (table: string) => string): string =>
  `nft -f - <<'END'\n${tables.map(command).join("\n")}\nEND`

const native: readonly Case[] = [
  { name: "tables without a chain", script: each((table) => `add table ${table}`) },
  { name: "tables without a chain, in blocks", script: each((table) => `table ${table} { }`) },
  { name: "chains without a rule", script: each((table) => `table ${table} { chain y { }; }`) },
  {
    name: "tables without a chain that come to have one",
    before: each((table) => `add table ${table}`),
    script: each((table) => `add chain ${table} y`),
  },
  {
    name: "tables whose last chain goes",
    before: each((table) => `table ${table} { chain y { counter; }; }`),
    script: each((table) => `add chain ${table} y\nflush chain ${table} y\ndelete chain ${table} y`),
  },
  {
    name: "tables without a chain that go",
    before: each((table) => `add table ${table}`),
    script: each((table) => `add table ${table}\ndelete table ${table}`),
  },
  {
    name: "tables without a chain that sleep",
    script: each((table) => `add table ${table} { flags dormant ; }`),
  },
  {
    name: "chains in tables that sleep, which do not wake by it",
    before: `nft -f - <<'END'
table inet asleep { flags dormant ; chain in { type filter hook input priority 0; policy drop; }; }
table ip asleep { flags dormant ; }
END`,
    script: `nft -f - <<'END'
add chain inet asleep y
flush chain inet asleep in
add rule inet asleep in counter accept
add chain inet asleep out { type filter hook output priority 0; policy drop; }
add chain ip asleep y
END`,
  },
  {
    name: "tables without a chain that others have, beside a change",
    before: each((table) => `add table ${table}`),
    script: "iptables-nft -t mangle -P OUTPUT ACCEPT; nft add rule inet x y || true",
  },
  {
    name: "flush ruleset, and a table without a chain",
    before: full,
    script: "nft -f - <<'END'\nflush ruleset\ntable inet x { }\nEND",
  },
  {
    name: "base chains without a rule, sets without an element, flushed tables",
    before: full,
    script: `nft flush table ip filter
nft flush table ip6 nat
nft 'table inet x { set s { type ipv4_addr; }; map m { type ipv4_addr : verdict; }; chain in { type filter hook input priority 0; }; }'
ipset -exist create a hash:ip
ipset -exist create b list:set
ipset flush`,
  },
]

describe.skipIf(labUnavailable)("a script that leaves tables empty: as it leaves them", () => {
  const lab = new Lab()
  afterAll(() => lab.close())

  it.each(matrix([...heads, ...native], 5))("$name", async (one) => {
    await goesAsTheScript(lab, one)
  })
})
