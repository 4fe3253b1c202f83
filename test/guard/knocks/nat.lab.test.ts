import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { knockAside } from "./knocks.ts"
import { routedHosts, routedServer } from "./router.ts"
import { Tap } from "./tap.ts"

if (labUnavailable) process.stderr.write(`skipped: nat: ${labUnavailable}\n`)

/** The ICMP identifier of an IPv4 echo in an Ethernet frame without options. */
const identifierOf = (frame: Uint8Array): number => ((frame[38] ?? 0) << 8) | (frame[39] ?? 0)

describe.skipIf(labUnavailable)("a knocker behind a router that masquerades", () => {
  const { lab, server, router, client } = routedHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)

  beforeAll(async () => {
    // Nothing of ours goes back to the client's own address: what is not translated does not arrive.
    server.run(["ip", "route", "del", "default"])
    router.sh("iptables-nft -t nat -A POSTROUTING -o up0 -p icmp -j MASQUERADE --random-fully")
    router.sh("iptables-nft -t nat -A POSTROUTING -o up0 -j MASQUERADE --random-fully")
    await server.serveTcp(22)
    expect(await client.reaches(routedServer, 22)).toBe(true)
    armed.arm("--timeout", "2m")
    server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
    expect(await client.reaches(routedServer, 22)).toBe(false)
  })

  it("is answered, its address and identifier rewritten", async () => {
    const inside = await Tap.start(lab, client, "eth0", "icmp[icmptype] == icmp-echo", "out")
    const outside = await Tap.start(lab, server, "eth0", "icmp[icmptype] == icmp-echo", "in")
    const probe = await knockAside(armed, client, ["probe", routedServer, "--no-check"])
    expect(probe.outcome).toMatchObject({ event: "alive", exitCode: 0 })
    const [sent, arrived] = [await inside.stop(), await outside.stop()]
    expect(sent.length).toBeGreaterThan(0)
    expect(arrived.length).toBeGreaterThan(0)
    const identifiers = new Set(sent.map(({ frame }) => identifierOf(frame)))
    for (const { frame } of arrived) expect(identifiers).not.toContain(identifierOf(frame))
    expect(armed.events().findLast(({ event }) => event === "knock")).toMatchObject({
      source: "198.51.100.2",
    })
  })

  it("two of them at the same time get an answer each, and a reset opens", async () => {
    const probes = await Promise.all(
      [1, 2].map(() => knockAside(armed, client, ["probe", routedServer, "--no-check"])),
    )
    for (const { outcome } of probes) expect(outcome).toMatchObject({ event: "alive" })
    const reset = await knockAside(armed, client, ["reset", routedServer])
    expect(reset.outcome).toMatchObject({ event: "opened", exitCode: 0 })
    expect(await client.reaches(routedServer, 22)).toBe(true)
  })
})
