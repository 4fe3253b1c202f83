import type { Snapshot } from "../firewall/snapshot/snapshot.ts"
import { candidateFrom } from "./candidate/candidate.ts"
import { Kept } from "./candidate/kept.ts"
import { madeBy } from "./candidate/made.ts"
import { refuseUnloadable } from "./candidate/refuse-unloadable.ts"
import { differenceOf, type RulesDifference } from "./difference/difference.ts"
import type { RuleInput } from "./input.ts"
import { type LockoutVerdict, type RehearseDeps, rehearse } from "./rehearse.ts"
import type { SshConnection } from "./ssh-client.ts"

/** A change as it would be made; nothing has been changed. */
export interface PlannedChange {
  /** The rules in force when it was rehearsed. */
  readonly before: Snapshot
  /** The rules that would be put in force. */
  readonly candidate: Snapshot
  readonly difference: RulesDifference
  /** The chains, tables and sets that the input would have removed without naming them, and that stay. */
  readonly kept: readonly string[]
  /** The answer whether a new connection still gets in; undefined when nothing changes, or nobody knows where from. */
  readonly lockout: LockoutVerdict | undefined
  /** Files that the script would write; they are not written. */
  readonly writes: readonly string[]
  readonly notes: readonly string[]
}

export interface PlanOptions {
  /** The time that the input may run, in milliseconds. */
  readonly timeoutMs: number
  readonly connection: SshConnection | undefined
  readonly replaceAll: boolean
  /** Everything that earlier changes have made. */
  readonly made: ReadonlySet<string>
}

/**
 * Rehearses the input, makes the candidate of it, compares it with what is in force, and tries the way in. The
 * rehearsal is over when this returns.
 * @throws InputRefused naming file and line; Fault when it changes what no tool can load, or when no copy of the machine can be made
 */
export async function planChange(
  deps: RehearseDeps,
  input: RuleInput,
  { timeoutMs, connection, replaceAll, made }: PlanOptions,
): Promise<PlannedChange> {
  const rehearsal = await rehearse(deps, input, { timeoutMs, connection })
  try {
    const { before, result, words, writes, notes } = rehearsal
    const { snapshot, kept } = candidateFrom(before, result, replaceAll ? undefined : new Kept(words, made))
    refuseUnloadable(before, result, snapshot, words)
    const candidate = { ...snapshot, made: madeBy(before, snapshot, words, made) }
    const difference = differenceOf(before, candidate)
    const lockout =
      difference.changed && connection !== undefined
        ? await rehearsal.checkLockout(candidate, connection)
        : undefined
    return { before, candidate, difference, kept, lockout, writes, notes }
  } finally {
    await rehearsal.close()
  }
}
