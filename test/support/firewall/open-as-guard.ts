import { armFirewall } from "../../../src/firewall/open/arm-firewall.ts"
import { beforeOpen } from "../../../src/firewall/open/rules-before-open.ts"
import { nftWhere } from "../../../src/firewall/snapshot/nft-table.ts"
import { isUnread } from "../../../src/firewall/snapshot/reading.ts"
import { type Snapshot, takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import type { Host } from "../lab/lab.ts"
import { firewallOf } from "./lab-firewall.ts"
import { firewallDeps } from "./on-host.ts"

/** An open, and the rules from before it. */
export interface OpenedAsGuard {
  /** Undefined where nothing could drop, so that nothing was taken away. */
  readonly kept: Snapshot | undefined
  /** Failures, and what drops still. */
  readonly faults: readonly string[]
}

/** Arms, opens and disarms as the guard does: what the proof at arming has shown to be lost sleeps on. */
export async function openAsGuard(host: Host, arming: Snapshot): Promise<OpenedAsGuard> {
  const firewall = await armFirewall(firewallDeps(host))
  try {
    const committed = await firewall.commit({ scope: "all", hard: false })
    const opened = await firewall.opened("all")
    const kept = opened && beforeOpen(await takeSnapshot(firewallOf(host), "open"), opened)
    const hopeless = arming.nftTables.filter(({ view }) => view === "none").map(nftWhere)
    const settled = await firewall.settle("all", ({ family, table }) => {
      const where = nftWhere({ family, name: table })
      return hopeless.includes(where) || isUnread(kept?.unread ?? [], where)
    })
    const dropping = settled.stillDropping.map(({ backend, where }) => `still dropping: ${backend}: ${where}`)
    return { kept, faults: [...committed.failures, ...settled.failures, ...dropping] }
  } finally {
    firewall.close()
  }
}
