import { afterAll, describe, expect, it } from "vitest"
import { type Host, labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: knocks long after the lockout: ${labUnavailable}\n`)

/** Lockouts that take ARP or neighbour discovery along: a minute later the other side knows our link address no more. */
const lockouts: readonly { readonly name: string; readonly address: string; readonly rules: string }[] = [
  { name: "netdev ingress drop, IPv4", address: "192.0.2.1", rules: ingress() },
  { name: "netdev ingress drop, IPv6", address: "2001:db8::1", rules: ingress() },
  { name: "arp input drop", address: "192.0.2.1", rules: `${drop("arp", "input")}\n${drop("ip", "input")}` },
  {
    name: "arp output drop",
    address: "192.0.2.1",
    rules: `${drop("arp", "output")}\n${drop("ip", "input")}`,
  },
  { name: "IPv6 INPUT drop", address: "2001:db8::1", rules: drop("ip6", "input") },
  { name: "IPv6 OUTPUT drop", address: "2001:db8::1", rules: drop("ip6", "output") },
]

function ingress(): string {
  return "table netdev d { chain c { type filter hook ingress device eth0 priority 0; policy drop; }; }"
}

function drop(family: string, hook: string): string {
  return `table ${family} d { chain ${hook} { type filter hook ${hook} priority 0; policy drop; }; }`
}

const laterMs = 95_000

describe.skipIf(labUnavailable)("90 s after the lockout", { timeout: 240_000 }, () => {
  const stages = lockouts.map((lockout) => ({ ...lockout, ...twoHosts() }))
  afterAll(async () => {
    for (const { lab } of stages) await lab.close()
  })

  it("a knock is answered and opens, whatever the other side has forgotten", async () => {
    const armed: ArmedServer[] = []
    for (const { lab, server, client, address, rules } of stages) {
      await server.serveTcp(22)
      const session = new ArmedServer(lab, server)
      session.arm("--timeout", "30m")
      armed.push(session)
      expect(await client.reaches(address, 22)).toBe(true)
      server.run(["nft", "-f", "/dev/stdin"], { input: `${rules}\n` })
    }
    // An administrator tries his ssh again and again meanwhile; it is what makes the other side forget.
    const trying = stages.map(({ client, address }) => tryAgain(client, address))
    await new Promise((resolve) => setTimeout(resolve, laterMs))
    for (const [at, { name, client, address }] of stages.entries()) {
      const neighbour = client.run(["ip", "neigh", "show", address]).trim()
      expect([name, await client.reaches(address, 22)]).toEqual([name, false])
      const { code, outcome } = (armed[at] as ArmedServer).knock(client, "reset", address)
      process.stderr.write(
        `90 s after: ${name}: "${neighbour}": ${outcome.event} after ${outcome.roundTripMs} ms, exit ${code}\n`,
      )
      expect([name, outcome.event, code]).toEqual([name, "opened", 0])
      expect([name, await client.reaches(address, 22, 3000)]).toEqual([name, true])
    }
    for (const stop of trying) stop()
  })
})

/** One connection after the other, each given two seconds. */
function tryAgain(client: Host, address: string): () => void {
  let stopped = false
  const next = async (): Promise<void> => {
    while (!stopped) await client.reaches(address, 22, 2000)
  }
  void next()
  return () => {
    stopped = true
  }
}
