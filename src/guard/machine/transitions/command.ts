import { formatDuration } from "../../../report/duration.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { type At, effect, update } from "../at.ts"
import type { CommandEvent } from "../event.ts"
import { endingSoon } from "../outcomes/change.ts"
import { secondsLeft } from "../record.ts"
import { askRevert } from "./change.ts"
import { confirmByCommand } from "./confirmation.ts"
import { askEnd, endingAlready } from "./end.ts"
import { askChange } from "./prepare.ts"
import { askUndo } from "./restore.ts"
import { addSecret, revokeSecret } from "./secrets.ts"

/** The longest session, in milliseconds: 7 d, which a timer still takes (2^31 ms are 24 d). */
const longestSessionMs = 7 * 86_400_000

const undoOfDryRun: Outcome = {
  event: "dry-run",
  code: "refused",
  message: "the session here is a dry run and puts nothing back",
  hint: "`fw-watchdog disarm` ends it, then `fw-watchdog undo` does it",
}

/** Carries out a command of the control socket; each ends in one reply, unless the session ends first. */
export function command(at: At, event: CommandEvent): At {
  const { ask } = event
  const ending = at.record.ending !== undefined
  const reply = (then: At, outcome: Outcome): At => effect(then, { type: "reply", ask, outcome })
  switch (event.command) {
    case "undo":
      if (ending) return reply(at, endingAlready)
      return at.record.configuration.dryRun ? reply(at, undoOfDryRun) : askUndo(at, { asks: [ask] })
    case "extend":
      return ending ? reply(at, endingAlready) : extend(at, ask, event.byMs)
    case "disarm":
      return askEnd(at, "disarmed", `disarmed by ${event.by}; ${leftInForce(at)}`, ask)
    case "apply":
      return ending ? reply(at, endingSoon) : askChange(at, ask, event.order)
    case "confirm":
      return confirmByCommand(at, ask, event.login, event.connections)
    case "rollback":
      return askRevert(at, `rolled back by ${event.by}`, ask)
    case "add-secret":
      return ending ? reply(at, endingSoon) : addSecret(at, ask, event.secret)
    case "revoke-secret":
      return revokeSecret(at, ask, event.name)
  }
}

function extend(at: At, ask: number, byMs: number): At {
  const endsAtMs = Math.min(at.record.endsAtMs + byMs, at.nowMs + longestSessionMs)
  const next = update(at, { endsAtMs })
  const left = secondsLeft(next.record, at.nowMs)
  const outcome: Outcome = {
    event: "extended",
    code: "done",
    message: `extended, ${formatDuration(left * 1000)} left`,
    facts: { secondsLeft: left },
  }
  return effect(next, { type: "emit", outcome }, { type: "reply", ask, outcome })
}

/** The rules that a session leaves in force when it is disarmed now, in words. */
function leftInForce({ record }: At): string {
  const { change } = record
  return change === undefined || change.stage === "preparing" || change.stage === "writing"
    ? "the firewall stays as it is"
    : "the change that waits for its confirmation goes back"
}
