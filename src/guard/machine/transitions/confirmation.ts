import type { Verdict } from "../../../knock/answer.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { timeOfDay } from "../../../report/time-of-day.ts"
import { type Connection, connectionKey, plainAddress } from "../../../wire/tcp-connection.ts"
import { type At, effect, update } from "../at.ts"
import type { Confirming } from "../change.ts"
import type { EffectEnd, Login } from "../event.ts"
import { confirmed, fromNewConnection, noChangeWaits, nothingWaits, refusal } from "../outcomes/change.ts"
import { type Change, isOpened, type SnapshotRef } from "../record.ts"
import { adopt, endChange, lastAtLeast, refuseConfirming } from "./change.ts"

/** Nobody waits longer for the look at what is in force, in milliseconds; the runtime gives up long before. */
const longestLookMs = 110_000

/** The part of a change that decides who may confirm it. */
type Confirmable = Pick<Change, "standing" | "sshPort" | "client">

type Judgement =
  | { readonly ok: true; readonly notice?: string }
  | { readonly ok: false; readonly why: string }

/** `fw-apply confirm`. Replied to when what is in force has been looked at. */
export function confirmByCommand(at: At, ask: number, login: Login, connections: readonly Connection[]): At {
  const { change, lastChange } = at.record
  const reply = (outcome: Outcome): At => effect(at, { type: "reply", ask, outcome })
  if (change === undefined) return reply(noChangeWaits(lastChange, at.wallMs))
  if (change.stage === "preparing") return reply(nothingWaits)
  const judged = judgeConfirm(change, login, connections)
  if (!judged.ok) {
    const facts = { id: change.id }
    return reply(refusal("confirm-refused", `cannot confirm: ${judged.why}`, fromNewConnection, facts))
  }
  const refused = refusedNow(at, change)
  if (refused !== undefined) return reply(refused)
  return compare(at, change, { by: "fw-apply", notice: judged.notice, asks: [ask], knocks: [] })
}

/** `fw-knock confirm` from this address. No verdict yet where what is in force has to be looked at first. */
export function confirmByKnock(
  at: At,
  knock: number,
  source: string,
  connections: readonly Connection[],
): { readonly next: At; readonly verdict: Verdict | undefined } {
  const { change } = at.record
  if (change === undefined || change.stage === "preparing") return { next: at, verdict: "nothing-to-do" }
  if (!hasNewConnectionFrom(change, source, connections) || refusedNow(at, change) !== undefined)
    return { next: at, verdict: "refused" }
  const confirming = { by: "a knock", notice: undefined, asks: [], knocks: [knock] } as const
  return { next: compare(at, change, confirming), verdict: undefined }
}

/** The reason why this change cannot be confirmed at this moment, whoever asks. */
function refusedNow(at: At, change: Change): Outcome | undefined {
  const { record, nowMs, wallMs } = at
  const refused = (message: string, hint: string): Outcome =>
    refusal("confirm-refused", message, hint, { id: change.id })
  if (change.stage === "reverting" && change.reverting !== undefined) {
    const { atMs, why } = change.reverting
    const since = `too late: the rules are going back since ${timeOfDay(atMs, wallMs)}: ${why}`
    return refused(since, "apply the change again")
  }
  if (isOpened(record))
    return refused(
      "the firewall was opened since: the change is not what is in force",
      "`fw-apply rollback` goes back to the rules before it; `fw-watchdog undo` first puts the change back in force",
    )
  if (change.stage === "comparing") return undefined
  if (change.stage === "reverting" || (change.stage === "waiting" && nowMs >= change.deadlineMs))
    return refused("too late: the rules are going back", "apply the change again")
  return change.stage === "waiting" && record.tasks.length === 0
    ? undefined
    : refused("the rules are still being changed", "try again in a moment")
}

/** Has what is in force looked at; whoever confirms meanwhile gets the same answer. */
function compare(at: At, change: Change, asker: Omit<Confirming, "lastTask" | "limitMs">): At {
  const { confirming } = change
  if (confirming !== undefined) {
    const [asks, knocks] = [
      [...confirming.asks, ...asker.asks],
      [...confirming.knocks, ...asker.knocks],
    ]
    return update(at, { change: { ...change, confirming: { ...confirming, asks, knocks } } })
  }
  return look(lastAtLeast(at, longestLookMs), change, { ...asker, limitMs: at.nowMs + longestLookMs })
}

function look(at: At, change: Change, confirming: Omit<Confirming, "lastTask">): At {
  const { lastTask } = at.record
  const { id, before, candidate } = change
  return update(
    at,
    { change: { ...change, stage: "comparing", confirming: { ...confirming, lastTask } } },
    { type: "compare", id, before, candidate },
  )
}

type Compared = Extract<EffectEnd, { readonly type: "compared" | "not-compared" }>

/** The rules in force have been looked at: these are what is confirmed. */
export function compared(at: At, event: Compared): At {
  const { change, lastTask } = at.record
  const confirming = change?.confirming
  if (change?.id !== event.id || change.stage !== "comparing" || confirming === undefined) return at
  if (isOpened(at.record)) return refuseConfirming(at, change, "the firewall was opened since")
  // An open that took nothing away was in the kernel meanwhile: what was seen may be of that moment.
  if (lastTask !== confirming.lastTask) return look(at, change, confirming)
  const { by, notice, asks, knocks } = confirming
  const [rules, differs, why] =
    event.type === "compared"
      ? [event.inForce ?? change.candidate, event.differs, undefined]
      : [change.candidate, [], event.why]
  const outcome = confirmed({ id: change.id, by, notice, differs, notCompared: why }, saved(change, rules))
  const ended = endChange(adopt(at, change, rules), { ...change, confirming: undefined }, outcome)
  const proof = event.type === "compared" && event.inForce !== undefined && !isForChange(at)
  return effect(
    ended,
    ...asks.map((ask) => ({ type: "reply", ask, outcome }) as const),
    ...knocks.map((knock) => ({ type: "answer", knock, verdict: "confirmed", verified: false }) as const),
    ...(proof && rules !== undefined
      ? [{ type: "prove", snapshot: rules, restore: "a rollback" } as const]
      : []),
  )
}

const isForChange = ({ record }: At): boolean => record.configuration.forChange === true

/** The rules that whoever saves them for the next boot reads. */
function saved({ save }: Change, rules: SnapshotRef | undefined): { save: boolean; candidate: string } {
  return { save, candidate: rules?.path ?? "" }
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
