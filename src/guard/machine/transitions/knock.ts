import type { Verdict } from "../../../knock/answer.ts"
import type { Outcome } from "../../../report/outcome.ts"
import { type At, effect, update } from "../at.ts"
import type { KnockEvent, SessionEvent } from "../event.ts"
import type { SessionRecord } from "../record.ts"
import { confirmByKnock } from "./confirmation.ts"
import { askOpen } from "./open.ts"
import { askRollback } from "./restore.ts"

/** Nothing acts any more on a session that ends, or whose time is up. */
export function isPast({ ending, endsAtMs }: SessionRecord, nowMs: number): boolean {
  return ending !== undefined || nowMs >= endsAtMs
}

/** Follows a knock, and answers it. */
export function knock(at: At, event: KnockEvent): At {
  if (isPast(at.record, at.nowMs)) return at
  const { accepted, provenFromOutside, configuration } = at.record
  const { verb, source, device, road, host, name } = event
  const heard = update(at, {
    accepted: accepted + 1,
    lastUses: [
      ...at.record.lastUses.filter((use) => use.host !== host || use.name !== name),
      { host, name, atMs: at.wallMs },
    ],
    provenFromOutside: provenFromOutside || !event.fromHere,
  })
  const facts = { verb, source, device, road, host, name }
  const by = road === "icmp" ? "" : ` by ${road}`
  const told = (then: At): At => say(then, "knock", `an authentic ${verb} came from ${source}${by}`, facts)
  const dryRun = (): At => {
    const answered = answer(told(heard), event, "dry-run")
    return say(answered, "dry-run", `would have carried out the ${verb} (dry run)`, facts)
  }
  switch (verb) {
    case "probe":
      return answer(told(heard), event, "alive")
    case "reset":
      if (configuration.dryRun) return dryRun()
      // The open is on its way before its knock is logged, which takes longer than all that was checked.
      return told(askOpen(heard, event.hard, { source, device, ...(name && { name }) }, event.knock))
    case "rollback":
      if (configuration.dryRun) return dryRun()
      return askRollback(told(heard), "asked", { knock: event.knock })
    case "confirm": {
      const { next, verdict } = confirmByKnock(told(heard), event.knock, source, event.connections)
      return verdict === undefined ? next : answer(next, event, verdict)
    }
  }
}

/** The bare text of `--plain`. */
export function plain(at: At, { source, device }: Extract<SessionEvent, { readonly type: "plain" }>): At {
  if (isPast(at.record, at.nowMs)) return at
  const { accepted, configuration } = at.record
  const facts = { source, device }
  const heard = update(at, { accepted: accepted + 1 })
  const next = configuration.dryRun ? heard : askOpen(heard, false, { source, device })
  const told = say(next, "plain", `the plain text came from ${source}`, facts)
  return configuration.dryRun ? say(told, "dry-run", "would have opened the firewall (dry run)", facts) : told
}

function answer(at: At, { knock }: KnockEvent, verdict: Verdict): At {
  return effect(at, { type: "answer", knock, verdict, verified: false })
}

function say(at: At, event: string, message: string, facts: NonNullable<Outcome["facts"]>): At {
  return effect(at, { type: "emit", outcome: { event, code: "done", message, facts } })
}
