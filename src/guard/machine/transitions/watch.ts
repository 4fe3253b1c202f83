import { mostListed, someOf } from "../../../report/listing.ts"
import { type At, update } from "../at.ts"
import type { EffectEnd } from "../event.ts"

/** How often what is in force is looked at after an open, in milliseconds. */
const lookMs = 2000
/** A look at a large ruleset takes long; this many times as long passes before the next, to stay below 5 % of a core. */
const restFactor = 20

/*
 * From an open on it is watched for what locks again: a configuration manager, a script that is still running, a firewall
 * service that repairs its rules. Each event is reported once; nothing is done about it, since what came back may be wanted.
 */

/** Watches from now on. @param found what the listing after the open found: that much is known already */
export function watch(at: At, found: readonly string[], outOfReach: readonly string[]): At {
  const { turn, reLocks } = at.record.watch
  return update(at, {
    watch: { turn: turn + 1, nextMs: at.nowMs + lookMs, dropping: found, outOfReach, reLocks },
  })
}

/** Ends the watch: what drops from now on is meant to. */
export function unwatch(at: At): At {
  const { turn, reLocks } = at.record.watch
  return update(at, {
    watch: { turn: turn + 1, nextMs: undefined, dropping: [], outOfReach: [], reLocks },
  })
}

/** Takes a look, when it is time for one. */
export function lookWhenDue(at: At): At {
  const { watch } = at.record
  if (watch.nextMs === undefined || at.nowMs < watch.nextMs) return at
  return update(at, { watch: { ...watch, nextMs: undefined } }, { type: "look", turn: watch.turn })
}

/** Takes in what a look has found, and reports what is new. */
export function looked(at: At, event: Extract<EffectEnd, { type: "looked" }>): At {
  const { watch } = at.record
  if (event.turn !== watch.turn) return at
  const known = new Set(watch.dropping)
  const fresh = event.dropping.filter((one) => !known.has(one))
  const reLocks = watch.reLocks + (fresh.length > 0 ? 1 : 0)
  const nextMs = at.nowMs + Math.max(lookMs, event.tookMs * restFactor)
  const next = update(at, { watch: { ...watch, dropping: event.dropping, reLocks, nextMs } })
  if (fresh.length === 0) return next
  const outcome = {
    event: "re-locked",
    code: "state-unknown",
    message: `something locks again: ${someOf(fresh)}`,
    hint: "stop what loads these rules, then knock again",
    facts: { dropping: fresh.slice(0, mostListed), reLocks },
  } as const
  return update(next, {}, { type: "emit", outcome })
}
