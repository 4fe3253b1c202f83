import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Host, labUnavailable } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { hostsFor, linkKinds } from "./links.ts"

if (labUnavailable) process.stderr.write(`skipped: answers below the firewall: ${labUnavailable}\n`)

/** Rules that let no answer out by the ordinary way; `undo` takes exactly them away. */
interface Drop {
  readonly name: string
  readonly apply: readonly string[]
  readonly undo: readonly string[]
}

const both = (command: string): string[] => [`iptables${command}`, `ip6tables${command}`]
const policies = (backend: string, verdict: string): string[] =>
  ["INPUT", "OUTPUT"].flatMap((chain) => both(`-${backend} -P ${chain} ${verdict}`))
const rule = (backend: string, table: string, chain: string): Pick<Drop, "apply" | "undo"> => ({
  apply: both(`-${backend} -t ${table} -A ${chain} -j DROP`),
  undo: both(`-${backend} -t ${table} -D ${chain} -j DROP`),
})

const drops: readonly Drop[] = [
  {
    name: "INPUT and OUTPUT policy DROP, nft",
    apply: policies("nft", "DROP"),
    undo: policies("nft", "ACCEPT"),
  },
  {
    name: "INPUT and OUTPUT policy DROP, legacy",
    apply: policies("legacy", "DROP"),
    undo: policies("legacy", "ACCEPT"),
  },
  { name: "raw OUTPUT drop", ...rule("nft", "raw", "OUTPUT") },
  { name: "raw OUTPUT drop, legacy", ...rule("legacy", "raw", "OUTPUT") },
  { name: "mangle POSTROUTING drop", ...rule("nft", "mangle", "POSTROUTING") },
]

const addresses = ["192.0.2.1", "2001:db8::1"]

describe.skipIf(labUnavailable).each(linkKinds)("over $name", ({ name, join }) => {
  const { lab, server, client } = hostsFor()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const reachable = (): Promise<boolean[]> =>
    Promise.all(addresses.map((address) => client.reaches(address, 22, 400)))

  beforeAll(async () => {
    await join(lab, server, client)
    await server.serveTcp(22)
    expect(await Promise.all(addresses.map((address) => client.reaches(address, 22, 3000)))).toEqual([
      true,
      true,
    ])
    armed.arm("--timeout", "10m")
  })

  // Every link passes every drop; the ordinary one, which all others vary, is enough for the details.
  const shown = name === "veth" ? drops : [drops[0], drops[4]].filter((drop) => drop !== undefined)
  it.each(shown)("$name: a probe is answered and the service stays shut", async ({ apply, undo }) => {
    server.sh(apply.join("\n"))
    expect(await reachable()).toEqual([false, false])
    for (const address of addresses) {
      const probe = armed.knock(client, "probe", address, "--no-check")
      expect(probe.outcome).toMatchObject({ event: "alive", exitCode: 0 })
    }
    expect(await reachable()).toEqual([false, false])
    server.sh(undo.join("\n")) // fails if the rules were not there any more
    expect(armed.status().opens).toBe(0)
  })

  it("a reset opens, and its answer says so", async () => {
    server.sh([...policies("nft", "DROP"), ...policies("legacy", "DROP")].join("\n"))
    expect(await reachable()).toEqual([false, false])
    const reset = armed.knock(client, "reset", "192.0.2.1")
    expect(reset.outcome).toMatchObject({ event: "opened", exitCode: 0 })
    expect(await reachable()).toEqual([true, true])
    expect(armed.status().opens).toBe(1)
  })
})

describe.skipIf(labUnavailable)("over loopback", () => {
  const { lab, server } = hostsFor()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)
  const knock = (verb: string, address: string) =>
    armed.knock(server as Host, verb, address, ...(verb === "probe" ? ["--no-check"] : []))

  it("a probe is answered while TCP is dropped both ways", async () => {
    await server.serveTcp(22)
    armed.arm("--timeout", "1m")
    // What OUTPUT drops, no sender on this machine can send at all: pings pass, everything else does not.
    for (const tool of ["iptables-nft", "ip6tables-nft"])
      for (const chain of ["INPUT", "OUTPUT"])
        server.sh(
          `${tool} -P ${chain} DROP; ${tool} -A ${chain} -p ${tool.startsWith("ip6") ? "icmpv6" : "icmp"} -j ACCEPT`,
        )
    for (const address of ["127.0.0.1", "::1"]) {
      expect(await server.reaches(address, 22, 400)).toBe(false)
      expect(knock("probe", address).outcome).toMatchObject({ event: "alive", exitCode: 0 })
      expect(await server.reaches(address, 22, 400)).toBe(false)
    }
    expect(knock("reset", "127.0.0.1").outcome).toMatchObject({ event: "opened", exitCode: 0 })
    expect(await server.reaches("::1", 22, 400)).toBe(true)
  })
})
