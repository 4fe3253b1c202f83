import { Fault } from "../../errors.ts"
import type { Snapshot } from "./snapshot.ts"

/**
 * Refuses to go on from rules of which some are not known: what a change would take away, and what a revert would have to bring
 * back, nobody could say.
 * @throws Fault `refused` naming them, in the words of the tools
 */
export function refuseUnread({ unread }: Pick<Snapshot, "unread">): void {
  if (unread.length === 0) return
  const which = unread.map(({ where, why }) => `${where} (${why})`)
  throw new Fault("refused", `cannot read the rules of ${which.join("; ")}`, {
    hint: "nothing was changed; take away the rule that its tool cannot list, or mend the tool, and try again",
  })
}
