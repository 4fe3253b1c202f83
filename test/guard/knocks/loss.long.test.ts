import { describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { knockThroughLoss, type Lossy } from "./loss.ts"
import { routedHosts } from "./router.ts"

if (labUnavailable) process.stderr.write(`skipped: loss: ${labUnavailable}\n`)

const report = (what: string, { answered, acted, turnedOneWay, tookMs }: Lossy): void => {
  const at = (part: number): number => Math.round(tookMs[Math.floor((tookMs.length - 1) * part)] ?? 0)
  process.stderr.write(
    `loss: ${what}: ${answered} of 100 answered, ${acted} acted, ${turnedOneWay} turned one-way; ms: median ${at(0.5)}, 95% ${at(0.95)}, slowest ${at(1)}\n`,
  )
}

describe.skipIf(labUnavailable)("through a router that loses half of the packets each way", () => {
  it("99 of 100 probes are answered within 10 s, and each acts once", { timeout: 600_000 }, async () => {
    const hosts = routedHosts()
    try {
      const lossy = await knockThroughLoss(hosts, "probe", 100, 3)
      report("probes", lossy)
      expect(lossy.answered).toBeGreaterThanOrEqual(99)
      // One that was not answered may have acted: only its answers were lost.
      expect(lossy.acted).toBeGreaterThanOrEqual(lossy.answered)
      expect(lossy.acted).toBeLessThanOrEqual(100)
    } finally {
      await hosts.lab.close()
    }
  })

  it("99 of 100 resets too, and each request acts once", { timeout: 600_000 }, async () => {
    const hosts = routedHosts()
    try {
      const lossy = await knockThroughLoss(hosts, "reset", 100, 3)
      report("resets", lossy)
      expect(lossy.answered).toBeGreaterThanOrEqual(99)
      expect(lossy.acted).toBeGreaterThanOrEqual(lossy.answered)
      // After 2 s without an answer a reset makes a second request; both may have arrived.
      expect(lossy.acted).toBeLessThanOrEqual(100 + lossy.turnedOneWay)
    } finally {
      await hosts.lab.close()
    }
  })
})
