import { Fault } from "../../errors.ts"
import { keptChanging, type Unread } from "./reading.ts"
import type { Snapshot } from "./snapshot.ts"

/**
 * Refuses to go on from rules of which some are not known: what a change would take away, and what a revert would have to bring
 * back, nobody could say.
 * @throws Fault `refused` naming them, in the words of the tools
 */
export function refuseUnread({ unread }: Pick<Snapshot, "unread">): void {
  const matters = unread.filter((one) => !isOutOfReach(one))
  if (matters.length === 0) return
  const which = matters.map(({ where, why }) => `${where} (${why})`)
  const todo = matters.every(({ why }) => why === keptChanging)
    ? "stop for a moment whatever writes rules all the time"
    : "take away the rule that its tool cannot list, or mend the tool"
  throw new Fault("refused", `cannot read the rules of ${which.join("; ")}`, {
    hint: `nothing was changed; ${todo}, and try again`,
  })
}

/**
 * True for the legacy tables of ARP and bridges where no program is here that could read or write them: the kernel tells of their
 * modules for all network namespaces at once, and no change made here can touch them.
 */
export function isOutOfReach({ where, why }: Unread): boolean {
  return /^(arptables|ebtables)-legacy$/.test(where) && why.endsWith("is missing")
}
