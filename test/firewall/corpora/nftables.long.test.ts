import { afterAll, describe, expect, it } from "vitest"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { compareAll, type Unit } from "./corpus.ts"
import { type Fetched, fetchSource } from "./debian-source.ts"
import { dumpsOf } from "./dumps.ts"
import { reasons } from "./known-differences.ts"

if (labUnavailable) process.stderr.write(`skipped: rulesets of nftables' tests: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("rulesets of nftables' own tests", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const fetched: Fetched = labUnavailable
    ? { folder: "", missing: labUnavailable }
    : fetchSource(lab.folder, "nftables")
  if (fetched.missing !== undefined && !labUnavailable)
    process.stderr.write(`skipped: rulesets of nftables' tests: ${fetched.missing}\n`)

  it.skipIf(fetched.missing !== undefined)(
    "come back in every way",
    async () => {
      const units = dumpsOf(fetched.folder).map(
        ({ name, path, devices }): Unit => ({
          name,
          load: (host) => {
            for (const device of devices)
              host.try(["ip", "link", "add", device, "type", "veth", "peer", "name", `p-${device}`])
            if (host.try(["nft", "-f", path]).code !== 0) return 0
            const tables = host.run(["nft", "list", "tables"]).split("\n").filter(Boolean)
            // What makes an open take the rules away.
            for (const table of tables) {
              const [, family = "", name = ""] = table.split(" ")
              host.try([
                "nft",
                `add chain ${family} ${name} stop { type filter hook input priority 7; policy drop; }`,
              ])
            }
            return Math.min(tables.length, 1)
          },
        }),
      )
      const { explained, unexplained } = await compareAll("rulesets of nftables' tests", units)
      expect(unexplained).toEqual([])
      // A part of them need not meet every reason.
      if (process.env.FW_ONLY === undefined)
        expect(reasons("nftables").filter((why) => !explained.has(why))).toEqual([])
    },
    3_600_000,
  )
})
