import { reasonOf } from "../../errors.ts"
import type { LookDeps } from "../../firewall/obstacles/looking.ts"
import { surveyObstacles } from "../../firewall/obstacles/survey.ts"
import type { Dropping, IsLost, Scope } from "../../firewall/open/backend.ts"
import type { ArmedFirewall } from "../../firewall/open/contract.ts"
import { clearHard, systemHardDeps } from "../../firewall/open/hard.ts"
import { beforeOpen, withoutNewAccepts } from "../../firewall/open/rules-before-open.ts"
import { takenAway } from "../../firewall/restore/taken-away.ts"
import { readTimeoutMs } from "../../firewall/snapshot/reading.ts"
import type { Snapshot } from "../../firewall/snapshot/snapshot.ts"
import { takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import { terminalsInUse } from "../../system/terminals.ts"
import { within } from "../../system/within.ts"
import type { Effect } from "../machine/effect.ts"
import type { EffectEnd } from "../machine/event.ts"
import type { Snapshots } from "../state/snapshots.ts"

/**
 * How long a snapshot may hold up the settling, in milliseconds: a disk that hangs must not leave tables asleep for ever, and a
 * tool that hangs is waited for (reading.ts).
 */
const keepMs = 2 * readTimeoutMs + 15_000

type Of<Type extends Effect["type"]> = Extract<Effect, { readonly type: Type }>
type End<Type extends EffectEnd["type"]> = Extract<EffectEnd, { readonly type: Type }>

/** Milliseconds. Not `performance`, which Node loads at its first use: a millisecond between a knock and its open. */
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** Step 1 of an open. What it sends to the loaders is on its way when this returns. */
export async function commit(
  firewall: ArmedFirewall,
  scope: Scope,
  { task, hard }: Of<"commit">,
): Promise<End<"committed">> {
  const startedMs = monotonicMs()
  const { failures } = await firewall.commit({ scope, hard })
  const tookMs = Math.round((monotonicMs() - startedMs) * 10) / 10
  return { type: "committed", task, failures, tookMs }
}

/** Keeps the rules from before an open, where settling would take something away. */
export async function keep(
  firewall: ArmedFirewall,
  scope: Scope,
  snapshots: Snapshots,
  { task, always, isOpen, cutOff, lastOpen, arming }: Of<"keep">,
): Promise<End<"kept">> {
  const kept = (snapshot: End<"kept">["snapshot"], failures: readonly string[] = []): End<"kept"> => {
    return { type: "kept", task, snapshot, failures }
  }
  // Whoever waits for the commit answers the knock first: starting a command costs milliseconds.
  await new Promise((resolve) => setImmediate(resolve))
  const plain = await firewall.opened(scope)
  const opened = plain ?? (always ? await firewall.opened(scope, true) : undefined)
  if (opened === undefined) return kept(undefined)
  // What is in force now is what the open that was cut off left of it.
  if (cutOff === "kept" && snapshots.get(lastOpen) !== undefined) return kept(lastOpen)
  const { deps } = snapshots
  const take = async (): Promise<Snapshot> => beforeOpen(await takeSnapshot(deps, "open"), opened)
  try {
    const taken = await within(deps.clock, keepMs, take())
    const before = cutOff === undefined ? taken : withoutNewAccepts(taken, snapshots.get(arming))
    const older = plain === undefined && isOpen ? snapshots.get(lastOpen) : undefined
    if (older !== undefined && takenAway(before, older).length === 0) return kept(lastOpen)
    return kept(await snapshots.save(before))
  } catch (thrown) {
    return kept(undefined, [`keep: ${reasonOf(thrown)}`])
  }
}

/** Flushes and accepts, and lists again. */
export async function settle(
  firewall: ArmedFirewall,
  scope: Scope,
  isLost: IsLost,
  { task }: Of<"settle">,
): Promise<End<"settled">> {
  const { changed, failures, stillDropping } = await firewall.settle(scope, isLost)
  return { type: "settled", task, changed, failures, dropping: stillDropping.map(describe) }
}

/** The steps that `--hard` adds. */
export async function clear(
  firewall: ArmedFirewall,
  scope: Scope,
  run: RunCommand,
  { task }: Of<"clear">,
): Promise<End<"cleared">> {
  const report = await clearHard(systemHardDeps(run))
  const dropping = await firewall.verify(scope)
  return { type: "cleared", task, report, dropping: dropping.map(describe) }
}

/** Looks for what an open leaves alone and can stop packets all the same. */
export async function survey(
  snapshots: Snapshots,
  deps: LookDeps,
  { task, origin, limitMs }: Of<"survey">,
): Promise<End<"surveyed">> {
  const found = await surveyObstacles(deps, snapshots.deps, origin, limitMs)
  return { type: "surveyed", task, survey: found }
}

/** Lists what can drop now. */
export async function look(
  firewall: ArmedFirewall,
  scope: Scope,
  { turn, sinceMs }: Of<"look">,
): Promise<End<"looked">> {
  const startedMs = monotonicMs()
  const dropping = await firewall.verify(scope)
  const tookMs = monotonicMs() - startedMs
  const terminals = terminalsInUse(Date.now() - sinceMs - tookMs)
  return { type: "looked", turn, dropping: dropping.map(describe), terminals, tookMs }
}

const describe = ({ backend, where }: Dropping): string => `${backend}: ${where}`
