import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { deriveKeys } from "../../../src/knock/keys.ts"
import { encodeRequest } from "../../../src/knock/request.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { type Flooded, FloodStage, figures, random } from "./flood.ts"

if (labUnavailable) process.stderr.write(`skipped: floods: ${labUnavailable}\n`)

const rate = 100_000
const seconds = 12

const roads = ["icmp", "tcp/22"] as const

describe.skipIf(labUnavailable).each(roads)(
  "100 000 packets a second over %s",
  { timeout: 120_000 },
  (road) => {
    const stage = new FloodStage(road)
    afterAll(() => stage.close())
    const keys = deriveKeys(stage.armed.secret)

    beforeAll(() => stage.arm())

    const check = (what: string, flooded: Flooded): void => {
      process.stderr.write(figures(`${what}, over ${road}`, flooded))
      expect(flooded.receivedRate).toBeGreaterThan(rate / 2) // what was reached is in the figures
      expect(flooded.answered).toBe(flooded.knocks.length)
      expect(flooded.closestLinesMs).toBeGreaterThan(900)
      for (const [, early = 0, end = 0] of Object.values(flooded.megabytes))
        expect(end - early).toBeLessThan(20)
    }

    it("forged, with the right tag: the owner is answered 20 times of 20", async () => {
      const data = (): Uint8Array => Buffer.concat([keys.requestTag, random(120)])
      const flooded = await stage.flood({ data, distinct: 8192, sources: 8192, rate, seconds }, 20)
      check("forged with the right tag", flooded)
      expect(stage.armed.status().accepted).toBe(20)
    })

    it.each([
      { from: "his own address", sources: 0 },
      { from: "8192 others", sources: 8192 },
    ])(
      "one accepted knock replayed from $from: its owner is answered every time",
      async ({ from, sources }) => {
        const knock = await stage.recordProbe()
        const flooded = await stage.flood({ data: () => knock, distinct: 1, sources, rate, seconds }, 20)
        check(`one accepted knock replayed from ${from}`, flooded)
      },
    )

    it("200 recorded knocks replayed: their owner is answered every time", async () => {
      const earlier = Date.now() - 3600_000
      const data = (): Uint8Array =>
        encodeRequest(keys, {
          verb: "reset",
          hard: false,
          oneWay: true,
          clientTimeMs: earlier,
          nonce: random(16),
          challenge: undefined,
        })
      const before = stage.armed.status().accepted as number
      const flooded = await stage.flood({ data, distinct: 200, sources: 0, rate, seconds }, 20)
      check("200 recorded knocks replayed", flooded)
      expect(stage.armed.status().accepted).toBe(before + 20)
    })

    it("of other pings or SYNs: nothing of it wakes anybody", async () => {
      const flooded = await stage.flood(
        { data: () => random(128), distinct: 1024, sources: 0, rate, seconds },
        0,
      )
      process.stderr.write(figures(`others, over ${road}`, flooded))
      expect(flooded.heard).toBeLessThan(20) // canaries
      expect(flooded.cpuSeconds.guard + flooded.cpuSeconds.listener).toBeLessThan(0.3)
    })
  },
)
