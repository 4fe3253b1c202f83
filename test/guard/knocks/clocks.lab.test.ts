import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"
import { matrix } from "../../support/matrix.ts"
import { armWithClock, noOtherClock, withClock } from "../../support/other-clock.ts"
import { type Knocked, knockAside } from "./knocks.ts"
import { Tap } from "./tap.ts"

const unavailable = labUnavailable ?? noOtherClock
if (unavailable) process.stderr.write(`skipped: clocks that are off: ${unavailable}\n`)

const decades = (ms: number): number => Math.round(ms / (3650 * 86_400_000)) + 0
const cases = [
  { whose: "server", off: "+3650d", sign: 1 },
  { whose: "server", off: "-3650d", sign: -1 },
  { whose: "client", off: "+3650d", sign: 1 },
  { whose: "client", off: "-3650d", sign: -1 },
] as const

describe.skipIf(unavailable).each(matrix(cases, 3))(
  "with the $whose's clock off by $off",
  ({ whose, off, sign }) => {
    const { lab, server, client } = twoHosts()
    afterAll(() => lab.close())
    const armed = new ArmedServer(lab, server)
    let tap: Tap

    beforeAll(async () => {
      await server.serveTcp(22)
      tap = await Tap.start(lab, client, "eth0", "icmp[icmptype] == icmp-echo", "out")
    })
    beforeEach(async () => {
      armed.try("disarm")
      server.sh("iptables-nft -P INPUT ACCEPT; iptables-nft -P OUTPUT ACCEPT")
      if (whose === "server") await armWithClock(armed, off)
      else armed.arm("--timeout", "2m")
      server.sh("iptables-nft -P INPUT DROP; iptables-nft -P OUTPUT DROP")
      expect(await client.reaches("192.0.2.1", 22, 400)).toBe(false)
    })

    /** Knocks, and counts the different requests that it took: copies of one are one. */
    async function knock(...args: string[]): Promise<Knocked & { requests: readonly Uint8Array[] }> {
      const before = tap.soFar().length
      const env = whose === "client" ? withClock(off) : {}
      const knocked = await knockAside(armed, client, [...args, "192.0.2.1"], env)
      const sent = tap.soFar().slice(before)
      const requests = new Map(sent.map(({ message }) => [Buffer.from(message).toString("hex"), message]))
      return { ...knocked, requests: [...requests.values()] }
    }

    it("a reset gets in with one more round trip", async () => {
      const { outcome, requests } = await knock("reset")
      expect(outcome).toMatchObject({ event: "opened", stage: "follow-up" })
      expect(requests).toHaveLength(2)
      // The clock was off, and not only meant to be.
      const sent = Buffer.from(requests[0] ?? []).readBigUInt64BE(12)
      const clientOff = Number(sent) - Date.now()
      expect(decades(clientOff)).toBe(whose === "client" ? sign : 0)
      const log = armed.events().find(({ event }) => event === "armed")
      const serverOff = Date.parse(String(log?.time)) - Date.now()
      expect(decades(serverOff)).toBe(whose === "server" ? sign : 0)
      expect(await client.reaches("192.0.2.1", 22)).toBe(true)
    })

    it("after a probe a reset gets in with one packet", async () => {
      const probe = await knock("probe", "--no-check")
      expect(probe.outcome).toMatchObject({ event: "alive", exitCode: 0 })
      expect(probe.requests).toHaveLength(2)
      const { outcome, requests } = await knock("reset")
      expect(outcome).toMatchObject({ event: "opened", stage: "first" })
      expect(requests).toHaveLength(1)
      expect(await client.reaches("192.0.2.1", 22)).toBe(true)
      expect(armed.status().opens).toBe(1)
    })
  },
)
