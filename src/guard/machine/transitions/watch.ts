import type { Survey } from "../../../firewall/obstacles/obstacle.ts"
import { type At, effect, update } from "../at.ts"
import type { Effect } from "../effect.ts"
import type { EffectEnd } from "../event.ts"
import { reLockedOutcome } from "../outcomes/open.ts"
import { unwatched } from "../record.ts"

/** How often what is in force is looked at after an open, in milliseconds. */
const lookMs = 2000
/** A look at a large ruleset takes long; this many times as long passes before the next, to stay below 5 % of a core. */
const restFactor = 20

/*
 * From an open on it is watched for what locks again: a configuration manager, a script that is still running, a firewall
 * service that repairs its rules. Each event is reported once; nothing is done about it, since what came back may be wanted.
 */

/** Watches from now on. @param dropping what the listing after the open found: that much is known already */
export function watch(
  at: At,
  dropping: readonly string[],
  outOfReach: readonly string[],
  survey: Survey | undefined,
): At {
  const { turn, reLocks } = at.record.watch
  return update(at, {
    watch: {
      ...{ turn: turn + 1, on: true, nextMs: at.nowMs + lookMs, lookedMs: at.nowMs },
      ...{ dropping, outOfReach, survey, reLocks },
    },
  })
}

/** Ends the watch: what drops from now on is meant to. */
export function unwatch(at: At): At {
  const { turn, reLocks } = at.record.watch
  return update(at, {
    watch: { ...unwatched, turn: turn + 1, reLocks },
  })
}

/** Looks at nothing while rules are being put in force. */
export function suspendWatch(at: At): At {
  const { watch } = at.record
  return update(at, { watch: { ...watch, turn: watch.turn + 1, nextMs: undefined } })
}

/** Goes on watching behind a restore that has changed nothing; one that has is meant to lock. */
export function watchOn(at: At, changed: boolean): At {
  const { watch } = at.record
  if (changed) return unwatch(at)
  return watch.on ? update(at, { watch: { ...watch, nextMs: at.nowMs + lookMs } }) : at
}

/** Takes a look, when it is time for one. */
export function lookWhenDue(at: At): At {
  const { watch } = at.record
  if (watch.nextMs === undefined || at.nowMs < watch.nextMs) return at
  const look: Effect = { type: "look", turn: watch.turn, sinceMs: at.nowMs - watch.lookedMs }
  return update(at, { watch: { ...watch, nextMs: undefined, lookedMs: at.nowMs } }, look)
}

/** Takes in what a look has found, and reports what is new. */
export function looked(at: At, event: Extract<EffectEnd, { type: "looked" }>): At {
  const { watch } = at.record
  if (event.turn !== watch.turn) return at
  const known = new Set(watch.dropping)
  const fresh = event.dropping.filter((one) => !known.has(one))
  const reLocks = watch.reLocks + (fresh.length > 0 ? 1 : 0)
  const nextMs = at.nowMs + Math.max(lookMs, event.tookMs * restFactor)
  const next = update(at, {
    watch: { ...watch, dropping: event.dropping, reLocks, nextMs },
  })
  if (fresh.length === 0) return next
  const outcome = reLockedOutcome(fresh, reLocks, event.terminals)
  return effect(next, { type: "emit", outcome })
}
