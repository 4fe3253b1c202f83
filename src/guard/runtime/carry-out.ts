import type { Effect } from "../machine/effect.ts"
import type { EffectEnd } from "../machine/event.ts"
import type { SessionRecord } from "../machine/record.ts"
import { apply, prepare } from "./change.ts"
import { compare } from "./compare.ts"
import { leave } from "./leave.ts"
import { clear, commit, keep, look, settle, survey } from "./open.ts"
import type { RuntimeParts } from "./parts.ts"
import { prove } from "./prove.ts"
import { restore } from "./restore.ts"

/** The effects that take their time, and end in an event. */
export type SlowEffect = Extract<
  Effect,
  {
    readonly type:
      | "commit"
      | "keep"
      | "settle"
      | "clear"
      | "survey"
      | "restore"
      | "prepare"
      | "apply"
      | "compare"
      | "leave"
      | "look"
      | "prove"
  }
>

/** Carries out an effect on what a session has. What it sends to the loaders is on its way when this returns. */
export function carryOut(
  effect: SlowEffect,
  { firewall, snapshots, writer, run, look: lookDeps, connections, emit }: RuntimeParts,
  record: SessionRecord,
): Promise<EffectEnd> {
  const { scope, quiet } = record.configuration
  switch (effect.type) {
    case "commit":
      return commit(firewall, scope, effect)
    case "keep":
      return keep(firewall, scope, snapshots, effect)
    case "settle":
      return settle(firewall, scope, snapshots.isLost(record), effect)
    case "clear":
      return clear(firewall, scope, run, effect)
    case "survey":
      return survey(snapshots, lookDeps, effect)
    case "restore":
      return restore(snapshots, effect, emit)
    case "prepare":
      return prepare(snapshots, effect)
    case "apply":
      return apply(snapshots, connections, effect)
    case "compare":
      return compare(snapshots, effect)
    case "leave":
      return leave(snapshots, writer, quiet, effect)
    case "look":
      return look(firewall, scope, effect)
    case "prove":
      return prove(snapshots, effect)
  }
}
