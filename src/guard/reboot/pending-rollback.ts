import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { reasonOf } from "../../errors.ts"
import { type RestoreDeps, restoreSnapshot } from "../../firewall/restore/restore.ts"
import { compareSnapshots } from "../../firewall/snapshot/compare.ts"
import { isOrder } from "../../firewall/snapshot/difference.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import { encodeSnapshot } from "../../firewall/snapshot/store/format.ts"
import { loadSnapshot } from "../../firewall/snapshot/store/store.ts"
import type { Outcome } from "../../report/outcome.ts"
import { makeFolder, writeDurablyBehind } from "../../system/files/durable-file.ts"
import { outcomeOfRestore } from "../machine/outcomes/restore.ts"
import { type Folders, preparePrivateFolder } from "../state/folders.ts"

/*
 * The journal dies with its boot, because it holds secrets. A rollback that is owed must not, if the rules that it was to
 * take away come back after the reboot (somebody had saved them for the next boot). So the state folder holds, without
 * secrets, the rules to go back to and the unconfirmed ones:
 *
 *   owed/session/{before.fw, unconfirmed.fw, owed.json}    --on-expiry rollback, --open-for
 *   owed/change/...                                        a change of fw-apply that is not confirmed
 *
 * owed.json is written last and removed first: without it nothing is owed.
 */

/** Who owes; a change lies above a session, so it is reverted first. */
export type OwedBy = "change" | "session"
const owners: readonly OwedBy[] = ["change", "session"]

const marker = "owed.json"
const before = "before.fw"
const unconfirmed = "unconfirmed.fw"

const folderOf = (stateFolder: string, by: OwedBy): string => join(stateFolder, "owed", by)

/**
 * Writes down that a rollback is owed while `rules.unconfirmed` are in force. Called again when these change.
 * @throws Fault `missing` or `permission` when the disk does not take it
 */
export async function keepOwed(
  stateFolder: string,
  by: OwedBy,
  rules: { readonly before: Snapshot; readonly unconfirmed: Snapshot },
): Promise<void> {
  const texts = { before: encodeSnapshot(rules.before), unconfirmed: encodeSnapshot(rules.unconfirmed) }
  await keepOwedTexts(stateFolder, by, texts)
}

/** The same, from snapshots as they are in their files. */
export async function keepOwedTexts(
  stateFolder: string,
  by: OwedBy,
  texts: { readonly before: string; readonly unconfirmed: string },
): Promise<void> {
  const folder = folderOf(stateFolder, by)
  makeFolder(folder)
  rmSync(join(folder, marker), { force: true }) // not the rules of one and the mark of another
  await writeDurablyBehind(join(folder, before), texts.before)
  await writeDurablyBehind(join(folder, unconfirmed), texts.unconfirmed)
  await writeDurablyBehind(join(folder, marker), JSON.stringify({ version: 1 }))
}

/** Nothing is owed any more: it was done, confirmed, or given up. Never throws. */
export function forgetOwed(stateFolder: string, by: OwedBy): void {
  try {
    rmSync(join(folderOf(stateFolder, by), marker), { force: true })
    rmSync(folderOf(stateFolder, by), { recursive: true, force: true })
  } catch {
    // Read-only disk: then it was not written either.
  }
}

/** Everything that is written down as owed, by any boot. */
export function owedBy(stateFolder: string): OwedBy[] {
  return owners.filter((by) => {
    try {
      return (
        (JSON.parse(readFileSync(join(folderOf(stateFolder, by), marker), "utf8")) as { version?: unknown })
          .version === 1
      )
    } catch {
      return false
    }
  })
}

/**
 * Settles what is owed when no guard is there to do it, after a reboot: goes back if the rules in force are the unconfirmed
 * ones, else closes it. What could not be done stays owed.
 * @returns how each ended, a line for people in each; none when nothing was owed
 */
export async function settleOwed(deps: RestoreDeps, folders: Folders): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const by of owedBy(folders.state)) {
    const outcome = await settle(deps, folders, by)
    outcomes.push(outcome)
    if (outcome.code === "done" || outcome.event === "owed-closed") forgetOwed(folders.state, by)
  }
  return outcomes
}

async function settle(deps: RestoreDeps, folders: Folders, by: OwedBy): Promise<Outcome> {
  const folder = folderOf(folders.state, by)
  const what = by === "change" ? "a change that nobody confirmed" : "a session that was cut off"
  let rules: { before: Snapshot; unconfirmed: Snapshot }
  try {
    rules = {
      before: loadSnapshot(join(folder, before)),
      unconfirmed: loadSnapshot(join(folder, unconfirmed)),
    }
  } catch (thrown) {
    return {
      event: "owed-closed",
      code: "state-unknown",
      message: `${what} owed a rollback, and its rules cannot be read: ${reasonOf(thrown)}`,
      hint: "look at the rules now",
    }
  }
  const now = await takeSnapshot(deps, "after a reboot")
  const [unread] = now.unread
  if (unread !== undefined)
    return {
      event: "owed-unknown",
      code: "state-unknown",
      message: `${what} owes a rollback, and the rules of ${unread.where} cannot be read: ${unread.why}`,
      hint: "`fw-watchdog resume` tries again",
    }
  // Which of the services that load rules at boot came first does not tell whose rules they are.
  const [other] = compareSnapshots(rules.unconfirmed, now, "ignored").filter((one) => !isOrder(one))
  if (other !== undefined) {
    const inForce = compareSnapshots(rules.before, now, "ignored").every(isOrder)
    const why = inForce
      ? "the rules from before are in force already"
      : `the rules in force are not those it was to take away (${other.where} ${other.kind}), so they stay`
    return { event: "owed-closed", code: "done", message: `${what} owed a rollback: ${why}` }
  }
  preparePrivateFolder(folders.runtime)
  try {
    const report = await restoreSnapshot(deps, rules.before, { folder: join(folders.runtime, "restore") })
    return outcomeOfRestore(`the rules from before ${what}`, report)
  } catch (thrown) {
    const message = `could not put back the rules from before ${what}: ${reasonOf(thrown)}`
    return {
      event: "rollback-failed",
      code: "rolled-back",
      message,
      hint: "`fw-watchdog resume` tries again",
    }
  }
}
