import { spawn } from "node:child_process"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Host, type Lab, labUnavailable, twoHosts } from "../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: tcp checks: ${labUnavailable}\n`)

const url = (path: string): string => JSON.stringify(join(import.meta.dirname, "../../dist", path))

describe.skipIf(labUnavailable)("a TCP port, looked at from another host", () => {
  let lab: Lab
  let server: Host
  let client: Host
  beforeAll(async () => {
    ;({ lab, server, client } = twoHosts())
    await server.serveTcp(22)
  })
  afterAll(() => lab.close())

  /** Checks from the client, and what the check said and how long it took. */
  async function look(address: string, port: number, options: object): Promise<Record<string, unknown>> {
    const program = `
      const { checkTcp } = await import(${url("client/tcp-check.js")})
      const { monotonicClock: clock } = await import(${url("clock.js")})
      const check = await checkTcp("${address}", ${port}, clock, ${JSON.stringify(options)})
      for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate)
      console.log(JSON.stringify({ ...check, handles: process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)) }))`
    const [command, ...args] = [...client.enter(), process.execPath, "--input-type=module", "-e", program]
    const child = spawn(command as string, args, { stdio: ["ignore", "pipe", "inherit"] })
    let out = ""
    child.stdout.on("data", (chunk) => {
      out += chunk
    })
    await new Promise((resolve) => child.once("close", resolve))
    return JSON.parse(out)
  }

  it("is open, closed, or filtered, over IPv4 and IPv6, and nothing is left running", async () => {
    for (const address of ["192.0.2.1", "2001:db8::1"]) {
      expect(await look(address, 22, { limitMs: 2000 })).toMatchObject({ port: 22, state: "open" })
      const closed = await look(address, 23, { limitMs: 2000 })
      expect(closed).toMatchObject({ state: "closed", reason: "ECONNREFUSED", handles: [] })
      expect(closed.tookMs).toBeLessThan(500)
    }
    server.run(["nft", "add table inet t"])
    server.run(["nft", "add chain inet t in { type filter hook input priority 0; }"])
    server.run(["nft", "add rule inet t in tcp dport 22 drop"])
    const filtered = await look("192.0.2.1", 22, { limitMs: 700 })
    expect(filtered).toMatchObject({ state: "filtered", reason: "timeout", handles: [] })
    expect(filtered.tookMs).toBeGreaterThanOrEqual(690)
    expect(filtered.tookMs).toBeLessThan(1500)
    server.run(["nft", "flush chain inet t in"])
    // A veth answers while connect(2) is still running, and then only the answer to the second SYN counts.
    server.run(["nft", "add rule inet t in tcp dport 22 reject with icmpx type admin-prohibited"])
    expect(await look("192.0.2.1", 22, { limitMs: 2500 })).toMatchObject({
      state: "filtered",
      reason: "EHOSTUNREACH",
    })
    expect(await look("2001:db8::1", 22, { limitMs: 2500 })).toMatchObject({
      state: "filtered",
      reason: "EACCES",
    })
    server.run(["nft", "delete table inet t"])
  })

  it("that opens while somebody looks is seen before the kernel would have asked again", async () => {
    server.run(["nft", "add table inet t"])
    server.run(["nft", "add chain inet t in { type filter hook input priority 0; policy accept; }"])
    server.run(["nft", "add rule inet t in tcp dport 22 drop"])
    const opening = setTimeout(() => server.run(["nft", "delete table inet t"]), 1250)
    const seen = await look("192.0.2.1", 22, { limitMs: 5000 })
    clearTimeout(opening)
    expect(seen).toMatchObject({ state: "open" })
  })

  it("that refuses is asked again only where a refusal is not the last word", async () => {
    server.run(["nft", "add table inet t"])
    server.run(["nft", "add chain inet t in { type filter hook input priority 0; policy accept; }"])
    server.run(["nft", "add rule inet t in tcp dport 22 reject with tcp reset"])
    expect(await look("192.0.2.1", 22, { limitMs: 3000 })).toMatchObject({ state: "closed" })
    setTimeout(() => server.run(["nft", "delete table inet t"]), 800)
    expect(await look("192.0.2.1", 22, { limitMs: 5000, untilOpen: true })).toMatchObject({ state: "open" })
  })

  it("of an address that this machine cannot reach is known at once", async () => {
    const there = await look("203.0.113.1", 22, { limitMs: 3000 })
    expect(there).toMatchObject({ state: "filtered", reason: "ENETUNREACH" })
    expect(there.tookMs).toBeLessThan(300)
  })
})
