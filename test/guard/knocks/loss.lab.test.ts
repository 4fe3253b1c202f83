import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable } from "../../support/lab/lab.ts"
import { knockThroughLoss } from "./loss.ts"
import { routedHosts } from "./router.ts"

if (labUnavailable) process.stderr.write(`skipped: loss: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("through a router that loses half of the packets each way", () => {
  const hosts = routedHosts()
  afterAll(() => hosts.lab.close())

  it("5 probes are answered, and each acts once", async () => {
    const { answered, acted } = await knockThroughLoss(hosts, "probe", 5, 1)
    expect(answered).toBe(5)
    expect(acted).toBe(5)
  })
})
