import type { RestoreReport } from "../../../firewall/restore/report.ts"
import { type At, update } from "../at.ts"
import type { OpenSince } from "../open-since.ts"
import type { OpenTask } from "../record.ts"

/*
 * Since when the firewall is open. Every set of rules that a session can go back to was in force while the firewall was
 * open, or while it was not: that is kept beside it, and is what holds again when those rules do.
 */

/** An open has ended. @param isOpen nothing failed, and a listing found nothing that drops */
export function openedSince(at: At, task: OpenTask, isOpen: boolean): At {
  const { openSince, lastOpen, cutOff, configuration } = at.record
  // An open that a killed guard had nearly done finds nothing to change any more.
  const changed = task.changed || (cutOff !== undefined && lastOpen !== undefined)
  const noUndo =
    lastOpen !== undefined
      ? {}
      : task.keepFailures.length > 0
        ? { noUndo: { why: "not-kept" } as const }
        : changed
          ? {}
          : { noUndo: { why: "changed-nothing" } as const }
  if (!changed) {
    const whole = openSince && isOpen ? { openSince: { ...openSince, whole: true } } : {}
    return update(at, { ...noUndo, ...whole })
  }
  return update(at, {
    ...noUndo,
    openSince: { atMs: at.wallMs, scope: configuration.scope, whole: isOpen },
  })
}

/** Rules were put back, or not. @param then the open that was in force when those rules were */
export function putBack(at: At, report: RestoreReport | undefined, then: OpenSince | undefined): At {
  const { openSince } = at.record
  if (report === undefined || report.end === "put-back") return at
  if (report.ok) return update(at, { openSince: then })
  const before = openSince ?? then
  return update(at, { openSince: before && { ...before, whole: false } })
}
