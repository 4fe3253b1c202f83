import type { Verdict } from "../../../knock/answer.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { type Connection, connectionKey, plainAddress } from "../../../wire/tcp-connection.ts"
import { type At, effect } from "../at.ts"
import type { Login } from "../event.ts"
import { confirmed, fromNewConnection, nothingWaits, refusal } from "../outcomes/change.ts"
import { type Change, isOpened } from "../record.ts"
import { adopt, endChange } from "./change.ts"

/** The part of a change that decides who may confirm it. */
type Confirmable = Pick<Change, "standing" | "sshPort" | "client">

type Judgement =
  | { readonly ok: true; readonly notice?: string }
  | { readonly ok: false; readonly why: string }

/** `fw-apply confirm`. */
export function confirmByCommand(at: At, ask: number, login: Login, connections: readonly Connection[]): At {
  const { change } = at.record
  const reply = (then: At, outcome: Outcome): At => effect(then, { type: "reply", ask, outcome })
  if (change === undefined || change.stage === "preparing") return reply(at, nothingWaits)
  const judged = judgeConfirm(change, login, connections)
  if (!judged.ok) {
    const facts = { id: change.id }
    return reply(at, refusal("confirm-refused", `cannot confirm: ${judged.why}`, fromNewConnection, facts))
  }
  const { next, outcome } = confirm(at, change, "fw-apply", judged.notice)
  return reply(next, outcome)
}

/** `fw-knock confirm` from this address. */
export function confirmByKnock(
  at: At,
  source: string,
  connections: readonly Connection[],
): { readonly next: At; readonly verdict: Verdict } {
  const { change } = at.record
  if (change === undefined || change.stage === "preparing") return { next: at, verdict: "nothing-to-do" }
  if (!hasNewConnectionFrom(change, source, connections)) return { next: at, verdict: "refused" }
  const { next, outcome } = confirm(at, change, "a knock", undefined)
  return { next, verdict: outcome.code === "done" ? "confirmed" : "refused" }
}

function confirm(
  at: At,
  change: Change,
  by: "fw-apply" | "a knock",
  notice: string | undefined,
): { readonly next: At; readonly outcome: Outcome } {
  const refused = (message: string, hint: string): { next: At; outcome: Outcome } => {
    return { next: at, outcome: refusal("confirm-refused", message, hint, { id: change.id }) }
  }
  if (change.stage === "writing" || change.stage === "applying")
    return refused("the rules are still being changed", "try again in a moment")
  if (change.stage === "reverting" || at.nowMs >= change.deadlineMs)
    return refused("too late: the rules are going back", "apply the change again")
  if (isOpened(at.record))
    return refused(
      "the firewall was opened since: the change is not what is in force",
      "`fw-apply rollback` goes back to the rules before it; `fw-watchdog undo` first puts the change back in force",
    )
  const outcome = confirmed(change.id, by, notice, {
    save: change.save,
    candidate: change.candidate?.path ?? "",
  })
  return { next: endChange(adopt(at, change), change, outcome), outcome }
}

/** Judges whether this login may confirm: only over a connection that did not stand when the change was applied. */
export function judgeConfirm(change: Confirmable, login: Login, now: readonly Connection[]): Judgement {
  if (login.kind === "console")
    return { ok: true, notice: "confirmed on a console: whether a new connection gets in is not proven" }
  if (login.kind === "ssh") {
    const old = login.keys.find((key) => change.standing.includes(key))
    if (old === undefined) return { ok: true }
    return { ok: false, why: `this connection (${endsOf(old)}) stood already when the rules were changed` }
  }
  if (now.some((one) => isNewOnSshPort(change, one, change.client)))
    return { ok: true, notice: "confirmed by a new connection to the ssh port that stands" }
  return { ok: false, why: "this is no ssh login, and no new connection to the ssh port stands" }
}

/** Tells whether a new connection from there to the ssh port stands. For a knock, which proves nothing itself. */
export function hasNewConnectionFrom(
  change: Confirmable,
  source: string,
  now: readonly Connection[],
): boolean {
  const client = plainAddress(source)
  return client !== undefined && now.some((one) => isNewOnSshPort(change, one, client))
}

function isNewOnSshPort({ standing, sshPort }: Confirmable, one: Connection, client: string): boolean {
  return (
    (sshPort === 0 || one.localPort === sshPort) &&
    (client === "" || one.remoteAddress === client) &&
    !standing.includes(connectionKey(one))
  )
}

function endsOf(key: string): string {
  const [, , address, port] = key.split(" ")
  return `from ${address} port ${port}`
}
