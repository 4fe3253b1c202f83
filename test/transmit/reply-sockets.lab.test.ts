import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Host, type Lab, labUnavailable, twoHosts } from "../support/lab/lab.ts"
import { linkLocalOf } from "../support/workstation.ts"

if (labUnavailable) process.stderr.write(`skipped: reply sockets: ${labUnavailable}\n`)

const module = join(import.meta.dirname, "../../dist/transmit/reply-sockets.js")

describe.skipIf(labUnavailable)("replies through raw sockets", () => {
  let lab: Lab
  let server: Host
  let client: Host
  beforeAll(() => {
    ;({ lab, server, client } = twoHosts())
  })
  afterAll(() => lab.close())

  /** Replies from the server after giving up root, as the listener does, and prints what became of each. */
  const reply = (...replies: object[]): unknown => {
    const program = `
      const { openReplySockets } = await import(${JSON.stringify(module)})
      const sockets = await openReplySockets()
      process.setgid(65534); process.setgroups([]); process.setuid(65534)
      const results = []
      for (const reply of ${JSON.stringify(replies)})
        results.push(await sockets.reply({ ...reply, data: new Uint8Array(128).fill(0x41) }) ?? "sent")
      console.log(JSON.stringify({ families: sockets.families, problems: sockets.problems, results }))
      sockets.close()`
    return JSON.parse(server.run([process.execPath, "--input-type=module", "-e", program]))
  }

  it("leave with a chosen source address and right checksums, opened as root and used as nobody", async () => {
    const capture = client.start([
      "tcpdump",
      "-lnvvi",
      "eth0",
      "-c",
      "4",
      "icmp[icmptype]==icmp-echoreply or icmp6[0]==129",
    ])
    let seen = ""
    capture.stdout?.on("data", (chunk) => {
      seen += chunk
    })
    await new Promise((resolve) => capture.stderr?.once("data", resolve))
    const neighbour = await linkLocalOf(client)
    const own = { identifier: 0x1234, sequence: 7 }
    expect(
      reply(
        { ...own, source: "192.0.2.1", destination: "192.0.2.2" },
        { ...own, source: "198.51.100.77", destination: "192.0.2.2" },
        { ...own, source: "2001:db8::77", destination: "2001:db8::2" },
        { ...own, source: "fe80::77", destination: neighbour, device: "eth0" },
        { ...own, source: "192.0.2.1", destination: "2001:db8::2" },
        { ...own, source: "192.0.2.1", destination: "203.0.113.1" },
      ),
    ).toEqual({
      families: [4, 6],
      problems: [],
      results: [
        "sent",
        "sent",
        "sent",
        "sent",
        "source and destination are not addresses of one family",
        "Network is unreachable",
      ],
    })
    await new Promise((resolve) => capture.once("exit", resolve))
    for (const path of [
      "192.0.2.1 > 192.0.2.2",
      "198.51.100.77 > 192.0.2.2",
      "2001:db8::77 > 2001:db8::2",
      `fe80::77 > ${neighbour}`,
    ])
      expect(seen).toContain(path)
    expect(seen.match(/id 4660, seq 7/g)).toHaveLength(4)
    expect(seen).not.toMatch(/bad|wrong/)
  })

  it("never throw where a family is missing or nothing is allowed", () => {
    const program = `
      const { openReplySockets } = await import(${JSON.stringify(module)})
      const sockets = await openReplySockets()
      console.log(JSON.stringify([sockets.families, sockets.problems.length, typeof await sockets.reply(
        { source: "192.0.2.1", destination: "192.0.2.2", identifier: 1, sequence: 1, data: new Uint8Array(8) })]))`
    const run = ["setpriv", "--bounding-set=-net_raw", process.execPath, "--input-type=module", "-e", program]
    expect(JSON.parse(server.run(run))).toEqual([[], 2, "string"])
  })
})
