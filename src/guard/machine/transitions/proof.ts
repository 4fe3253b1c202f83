import { type At, effect, update } from "../at.ts"
import type { EffectEnd } from "../event.ts"
import { notProven, notRestorable } from "../outcomes/proof.ts"

/** Proves what the latest open kept, when nobody waits any more. */
export function proveWhenDue(at: At): At {
  const { proveMs, lastOpen } = at.record
  if (proveMs === undefined || at.nowMs < proveMs) return at
  const done = update(at, { proveMs: undefined })
  if (lastOpen === undefined) return done
  return effect(done, { type: "prove", snapshot: lastOpen, restore: "an undo" })
}

/** A snapshot has been tried out, or could not be: everybody is told what would not come back. */
export function proven(at: At, event: Extract<EffectEnd, { readonly type: "proven" }>): At {
  const { snapshot, restore, lost, failure } = event
  if (failure !== undefined) return effect(at, { type: "emit", outcome: notProven(restore, failure) })
  const { arming, lastOpen, proofs } = at.record
  const others = proofs.filter((one) => one.snapshot !== snapshot)
  const held = others.filter((one) => one.snapshot === arming || one.snapshot === lastOpen)
  return update(
    at,
    { proofs: [...held, { snapshot, restore, lost }] },
    ...lost.map((line) => ({ type: "emit", outcome: notRestorable(restore, line) }) as const),
  )
}
