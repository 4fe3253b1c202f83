import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: captures: ${labUnavailable}\n`)

const module = join(import.meta.dirname, "../../dist/capture/pcap-source.js")

interface Heard {
  readonly heard: number
  readonly interrupted: boolean
}

describe.skipIf(labUnavailable)("a capture", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())

  /** Captures on the server's eth0 while 300 echo requests come in, then while the interface goes down and comes back. */
  const capture = (pokeEveryMs: number): { before: Heard; after: Heard; poked: boolean } => {
    const program = `
      const { openCapture } = await import(${JSON.stringify(module)})
      const { execFile } = await import("node:child_process")
      const run = (...args) => new Promise((done) => execFile(args[0], args.slice(1), done))
      const rest = (ms) => new Promise((done) => setTimeout(done, ms))
      const pings = () => run("ip", "netns", "exec", "${client.netns}", "ping", "-q", "-c", "300", "-i", "0.002", "192.0.2.1")
      let heard = 0
      const one = openCapture({
        device: "eth0", filter: "icmp[icmptype] == icmp-echo", bufferSize: 1 << 20, onFrame: () => { heard += 1 },
      })
      const poking = ${pokeEveryMs} > 0 ? setInterval(() => one.poke(), ${pokeEveryMs}) : undefined
      await pings(); await rest(100)
      const before = { heard, interrupted: one.interrupted }
      await run("ip", "link", "set", "eth0", "down")
      clearInterval(poking)
      await run("ip", "link", "set", "eth0", "up"); await rest(100)
      heard = 0; await pings(); await rest(100)
      const after = { heard, interrupted: one.interrupted }
      one.poke()
      console.log(JSON.stringify({ before, after, poked: heard > 0 }))
      process.exit(0)`
    return JSON.parse(server.run([process.execPath, "--input-type=module", "-e", program]))
  }

  it("says that its interface went down, when nothing but a poke is heard any more", () => {
    expect(capture(0)).toEqual({
      before: { heard: 300, interrupted: false },
      after: { heard: 0, interrupted: true },
      poked: true,
    })
  })

  it("says so of nothing else, poked all the time: that may also take the error before anybody stops for it", () => {
    const { before, after } = capture(1)
    expect(before).toEqual({ heard: 300, interrupted: false })
    expect([
      { heard: 0, interrupted: true },
      { heard: 300, interrupted: false },
    ]).toContainEqual(after)
  })
})
