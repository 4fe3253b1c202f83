import { afterAll, describe, expect, it } from "vitest"
import { readKernel } from "../../../../../src/firewall/snapshot/nft/kernel/tables.ts"
import { takeSnapshot } from "../../../../../src/firewall/snapshot/snapshot.ts"
import { firewallOf, hostWith } from "../../../../support/firewall/lab-firewall.ts"
import { type Host, Lab, labUnavailable } from "../../../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: prints of tables: ${labUnavailable}\n`)

const ruleset = `
table inet fw {
  counter hits { packets 7 bytes 700; }
  quota much { 100 mbytes used 5 mbytes }
  set plain { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 comment "two", 192.0.2.3 } }
  set ranges { type inet_service; flags interval; elements = { 1-5, 80, 443 } }
  set timed { type ipv4_addr; timeout 1h; elements = { 192.0.2.9 timeout 30m } }
  set counted { type ipv4_addr; counter; elements = { 192.0.2.4 counter packets 3 bytes 30 } }
  map where { type inet_service : verdict; elements = { 22 : accept, 23 : jump other } }
  chain other {
    tcp dport { 1, 2, 3 } counter packets 9 bytes 90 accept comment "here"
  }
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport != { 8, 9 } quota over 5 mbytes used 1 mbytes drop
    ip saddr @plain counter name "hits" accept
    tcp dport vmap @where
    limit rate 5/second accept
    meta mark 1 jump other
  }
}`

/** One change each, in what decides. */
const changes: readonly (readonly [string, string])[] = [
  ["policy accept", "policy drop"],
  ["priority 0", "priority 1"],
  ["hook input", "hook forward"],
  ["tcp dport != { 8, 9 }", "tcp dport { 8, 9 }"],
  ["{ 8, 9 }", "{ 8, 10 }"],
  ["{ 1, 2, 3 }", "{ 1, 2 }"],
  ["quota over 5 mbytes", "quota over 6 mbytes"],
  ["quota over", "quota until"],
  ["{ 100 mbytes", "{ 101 mbytes"],
  ["ip saddr @plain", "ip daddr @plain"],
  ["ip saddr @plain", "ip saddr @timed"],
  ['comment "here"', 'comment "there"'],
  ['comment "two"', 'comment "too"'],
  ["192.0.2.3 }", "192.0.2.5 }"],
  ["1-5", "1-6"],
  ["timeout 30m", "timeout 31m"],
  ["timeout 1h", "timeout 2h"],
  ["192.0.2.4 counter", "192.0.2.5 counter"],
  ["22 : accept", "22 : drop"],
  ["limit rate 5/second", "limit rate 6/second"],
  ["meta mark 1", "meta mark 2"],
  ["jump other\n", "goto other\n"],
  [
    "    limit rate 5/second accept\n    meta mark 1 jump other",
    "    meta mark 1 jump other\n    limit rate 5/second accept",
  ],
  ["counter packets 9 bytes 90 accept", "accept"],
  ["  chain other", "  chain third { }\n  chain other"],
]

/** Nothing of these decides anything. */
const counts: readonly (readonly [string, string])[] = [
  ["packets 9 bytes 90", "packets 8 bytes 80"],
  ["packets 7 bytes 700", "packets 6 bytes 600"],
  ["packets 3 bytes 30", "packets 4 bytes 40"],
  ["used 1 mbytes", "used 2 mbytes"],
  ["used 5 mbytes", "used 4 mbytes"],
  ['{ 192.0.2.1, 192.0.2.2 comment "two", 192.0.2.3 }', '{ 192.0.2.3, 192.0.2.1, 192.0.2.2 comment "two" }'],
]

describe.skipIf(labUnavailable)("the kernel's print of a table", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const hosts: Host[] = labUnavailable ? [] : [hostWith(lab, "true"), hostWith(lab, "true")]
  const [one, other] = hosts as [Host, Host]

  async function printOf(host: Host, text: string): Promise<string> {
    host.sh(`nft flush ruleset; nft -f - <<'END'\n${text}\nEND`)
    const kernel = await readKernel(firewallOf(host), "everything")
    expect(kernel?.tables.map(({ family, name }) => `${family} ${name}`)).toEqual(["inet fw"])
    return kernel?.tables[0]?.print ?? "none"
  }

  it("is the same wherever the table is, and whatever was there before", async () => {
    // Sets and rules have other numbers by then.
    other.sh("nft 'table ip x { chain c { tcp dport { 1, 2 } accept; udp dport { 3, 4 } accept; }; }'")
    expect(await printOf(one, ruleset)).toBe(await printOf(other, ruleset))
    one.sh("nft insert rule inet fw other udp dport { 5, 6 } accept")
    one.sh(
      "nft delete rule inet fw other handle $(nft -a list chain inet fw other | grep -o 'udp.*handle [0-9]*' | grep -o '[0-9]*$')",
    )
    const again = await readKernel(firewallOf(one), "everything")
    expect(again?.tables[0]?.print).toBe(await printOf(other, ruleset))
  })

  it.each(counts)("does not tell counts and order apart: %s, %s", async (was, is) => {
    expect(ruleset).toContain(was)
    expect(await printOf(one, ruleset.replace(was, is))).toBe(await printOf(other, ruleset))
  })

  it.each(changes)("tells apart: %s, %s", async (was, is) => {
    expect(ruleset).toContain(was)
    expect(await printOf(one, ruleset.replace(was, is))).not.toBe(await printOf(other, ruleset))
  })

  it("tells a table that sleeps from one that does not", async () => {
    const print = await printOf(one, ruleset)
    one.sh("nft 'add table inet fw { flags dormant; }'")
    expect((await readKernel(firewallOf(one), "everything"))?.tables[0]).toMatchObject({ dormant: true })
    expect((await readKernel(firewallOf(one), "everything"))?.tables[0]?.print).not.toBe(print)
  })
})

describe.skipIf(labUnavailable)("a table that is known", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const host: Host | undefined = labUnavailable ? undefined : hostWith(lab, "true")

  it("is taken as it was read while the kernel has it like that, and read again when it does not", async () => {
    if (host === undefined) throw new Error("no lab")
    const deps = firewallOf(host)
    host.sh(`nft -f - <<'END'\n${ruleset}\nEND`)
    host.sh("iptables-nft -A INPUT -p tcp --dport 22 -m comment --comment x -j ACCEPT")
    const asked: string[] = []
    const watched = {
      ...deps,
      run: async (request: Parameters<typeof deps.run>[0]) => {
        asked.push([request.path, ...request.args].join(" "))
        return await deps.run(request)
      },
    }
    const [fw, filter] = (await takeSnapshot(deps, "first")).nftTables
    const known = { nftTables: [fw, filter].flatMap((copy) => copy ?? []) }

    expect((await takeSnapshot(watched, "nobody has written", known)).nftTables).toEqual([fw, filter])
    expect(asked.filter((words) => / list (ruleset|table )/.test(words))).toEqual([])

    host.sh("iptables-nft -A INPUT -p tcp --dport 23 -j ACCEPT")
    const [same, fresh] = (await takeSnapshot(watched, "one has been written", known)).nftTables
    expect(same).toBe(fw)
    expect(fresh?.saved?.rules).toHaveLength(2)
    expect(asked.filter((words) => /list ruleset/.test(words))).toEqual([])

    host.sh("nft add element inet fw plain { 192.0.2.77 }; nft delete table ip filter")
    const [last, ...gone] = (await takeSnapshot(deps, "an element has been added", known)).nftTables
    expect(gone).toEqual([])
    expect(JSON.stringify(last?.listed)).toContain("192.0.2.77")
  })
})
