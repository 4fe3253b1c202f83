import { describe, expect, it } from "vitest"
import { type NftLoader, nftByCommand } from "../../../src/firewall/open/nft/loader.ts"
import { NftBackend } from "../../../src/firewall/open/nft/nft-backend.ts"
import { type ReadFlags, readFlags } from "../../../src/firewall/open/nft/table-flags.ts"
import { runOn } from "../../support/firewall/lab-firewall.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: flags of tables around an open: ${labUnavailable}\n`)

const locked = "iptables-nft -P INPUT DROP"
const asleep = "nft list tables; nft list table ip filter | grep -c dormant"

describe.skipIf(labUnavailable)("flags of tables around an open", () => {
  it("takes no table for somebody else's that its own open put to sleep while the flags were being listed", async () => {
    const lab = new Lab()
    try {
      const host = lab.host("h")
      const real = nftByCommand(runOn(host), "/usr/sbin/nft")
      let listed: Promise<void> | undefined
      let release = (): void => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      // The kernel has done it, the listing sees it, and only then the open hears that it is done.
      const slowToHear: NftLoader = {
        ...real,
        async load(line) {
          const loaded = await real.load(line)
          release()
          await listed
          return loaded
        },
      }
      const slowToRead: ReadFlags = async () => {
        await released
        return await readFlags(runOn(host), real)()
      }
      const firewall = new NftBackend(slowToHear, real)
      host.sh(locked)
      expect(await firewall.refresh()).toBe(true)
      listed = firewall.learnFlags(slowToRead)
      expect(await firewall.open("all")).toEqual({ changed: true, failures: [] })
      expect(firewall.asleep).toMatchObject([{ family: "ip", table: "filter" }])
      expect(await firewall.settle("all", () => false)).toEqual({ changed: true, failures: [] })
      expect(host.try(["sh", "-c", asleep]).stdout).toBe("table ip filter\n0\n")
    } finally {
      await lab.close()
    }
  })

  it("leaves a table asleep that somebody else put to sleep, seen first in an open or before it", async () => {
    const lab = new Lab()
    try {
      const host = lab.host("h")
      const port = nftByCommand(runOn(host), "/usr/sbin/nft")
      const firewall = new NftBackend(port, port)
      const open = async (): Promise<void> => {
        await firewall.open("all")
        await firewall.settle("all", () => false)
      }
      await open()
      host.sh(`${locked}; nft 'add table ip filter { flags dormant; }'`)
      expect(await firewall.refresh()).toBe(true)
      await firewall.learnFlags(readFlags(runOn(host), port))
      expect(await firewall.refresh()).toBe(false)
      await open()
      expect(host.try(["sh", "-c", asleep]).stdout).toBe("table ip filter\n1\n")
      // What an open has seen for the first time is learned after it.
      host.sh(
        "nft 'add table ip other; add chain ip other c { type filter hook input priority 0; policy drop; }'",
      )
      await open()
      expect(await firewall.refresh()).toBe(true)
    } finally {
      await lab.close()
    }
  })
})
