import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "./lab.ts"

if (labUnavailable) process.stderr.write(`skipped: lab: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("the lab itself", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())

  it("joins two hosts that reach each other over IPv4 and IPv6, and not through a firewall", async () => {
    await server.serveTcp(22)
    expect(await client.reaches("192.0.2.1", 22)).toBe(true)
    expect(await client.reaches("2001:db8::1", 22)).toBe(true)
    server.run(["iptables-nft", "-P", "INPUT", "DROP"])
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    expect(await client.reaches("2001:db8::1", 22)).toBe(true)
  })
})
