import { hookOf } from "../../snapshot/hook-order.ts"
import { isAsleep, type NftTableCopy } from "../../snapshot/nft-table.ts"
import { isIpFamily } from "../../tools/table.ts"
import { sectionToRestore } from "./nft-table-text.ts"
import { sectionInPlace } from "./section-in-place.ts"

/**
 * Text for `iptables-restore --noflush` that turns a table of iptables that is there into the one wanted, and leaves its base
 * chains registered where they are: without that option it deletes the table and makes it anew, in front of all others
 * at its hooks (nft.c, NFT_COMPAT_TABLE_FLUSH).
 * @returns undefined when the table has to be made anew
 */
export function saveInPlace(from: NftTableCopy, to: NftTableCopy): string | undefined {
  if (!isIpFamily(to.family) || from.view !== "iptables" || to.view !== "iptables") return undefined
  if (from.saved === undefined || from.listed === undefined || to.listed === undefined) return undefined
  if (isAsleep(from) || isAsleep(to)) return undefined
  const wanted = sectionToRestore(to)
  if (wanted === undefined || !baseChains(from).every((name) => baseChains(to).includes(name)))
    return undefined
  return sectionInPlace(from.saved, wanted, chainNames(from), "changed")
}

function chainNames(copy: NftTableCopy): string[] {
  return copy.listed?.blocks.filter(({ kind }) => kind === "chain").map(({ name }) => name) ?? []
}

function baseChains({ listed }: NftTableCopy): string[] {
  const chains = listed?.blocks.filter(({ kind }) => kind === "chain") ?? []
  return chains.filter((block) => hookOf(block) !== undefined).map(({ name }) => name)
}
