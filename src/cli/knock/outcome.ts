import type { PathReport } from "../../client/paths.ts"
import type { PortCheck } from "../../client/tcp-check.ts"
import type { Answer } from "../../knock/answer.ts"
import { verbs } from "../../knock/verbs.ts"
import { formatDuration } from "../../report/duration.ts"
import type { Outcome, OutcomeCode } from "../../report/outcome.ts"
import { roadText } from "./carriers.ts"
import { whyClosed, whyNoAnswer, whyStillShut } from "./diagnosis.ts"
import { type KnockFacts, knockFacts, packets, pathFacts, portWords } from "./facts.ts"

interface Words {
  readonly event: string
  readonly code: OutcomeCode
  /** Behind the host's name. */
  readonly what: string
  readonly hint?: string
}

/** The outcome of one host's knock: the line, the hint, the JSON facts and the exit code. Pure. */
export function knockOutcome(facts: KnockFacts): Outcome {
  const { report } = facts
  const words = report.answer === undefined ? noAnswer(facts) : answered(facts, report.answer)
  return { ...outcome(facts.host, words), facts: knockFacts(facts) }
}

/** The outcome of a bare text: there is no answer, so the port alone tells. Pure. */
export function plainOutcome(facts: {
  readonly host: string
  readonly login: string
  readonly report: PathReport
  readonly check: PortCheck | undefined
}): Outcome {
  const { report, check, host, login } = facts
  const sent = packets(report.packetsSent)
  const words: Words =
    check === undefined
      ? {
          event: "sent",
          code: "no-answer",
          what: `${sent} sent; --plain gets no answer and --no-check does not look`,
        }
      : check.state === "open"
        ? {
            event: "port-open",
            code: "done",
            what: `${sent} sent; ${portWords(check)}`,
            hint: `log in: ${login}`,
          }
        : {
            event: "port-shut",
            code: "state-unknown",
            what: `${sent} sent; ${portWords(check)}`,
            hint: whyNoAnswer(host, "reset", report),
          }
  return { ...outcome(host, words), facts: { host, verb: "reset", plain: true, ...pathFacts(report, check) } }
}

function answered(facts: KnockFacts, answer: Answer): Words {
  const took = tookWords(facts.report.roundTripMs)
  const { host } = facts
  const look = `look on the server: fw-watchdog status`
  switch (answer.verdict) {
    case "alive":
      return alive(facts, answer, took)
    case "opened":
      return opened(facts, answer, `opened${took}`)
    case "open-already":
      return opened(facts, answer, wasOpen(facts, took))
    case "nothing-to-do":
      if (facts.verb === "confirm")
        return {
          event: "nothing-to-do",
          code: "refused",
          what: `nothing to confirm${took}: no change is waiting there`,
          hint: "it may have been confirmed, or have gone back already: look at the rules there",
        }
      return {
        event: "nothing-to-do",
        code: "refused",
        what: `nothing to roll back to${took}: no rules were kept at arming`,
        hint: "look at the rules there: `fw-watchdog status` on the server",
      }
    case "rolled-back":
      return portStays(facts, answer, { event: "rolled-back", code: "done", what: `rolled back${took}` })
    case "confirmed":
      return { event: "confirmed", code: "done", what: `confirmed${took}: the change stays` }
    case "dry-run":
      return {
        event: "dry-run",
        code: "would-change",
        what: `would have acted${took}: the session there is a dry run and nothing was changed`,
        hint: "arm it without --dry-run",
      }
    case "open-failed":
      return {
        event: "open-failed",
        code: "state-unknown",
        what: "the open failed there, the state is unknown",
        hint: look,
      }
    case "rollback-failed":
      return {
        event: "rollback-failed",
        code: "state-unknown",
        what: "the rollback failed there, the state is unknown",
        hint: `${look}; if you are locked out: fw-knock reset ${host}`,
      }
    case "refused":
      return {
        event: "refused",
        code: "refused",
        what: `refused ${facts.verb}`,
        hint: verbs[facts.verb].whyRefused,
      }
    case "challenge":
      return {
        event: "no-answer",
        code: "no-answer",
        what: `the server asked back (it has this secret and hears us), then no answer came within ${formatDuration(facts.waitMs)}; ${sentAndPort(facts)}`,
        hint: `try again, it is safe: fw-knock ${facts.verb} --wait 30s ${host}`,
      }
  }
}

function alive(facts: KnockFacts, answer: Answer, took: string): Words {
  const port = facts.check === undefined ? "" : `; ${portWords(facts.check)}`
  return {
    event: "alive",
    code: "done",
    what: `alive${took}${roadWords(facts)}; ${sessionWords(answer)}${port}; nothing was changed`,
    hint: `when you are locked out: fw-knock reset ${facts.host}`,
  }
}

/** ` over ICMP; tcp/22 carries knocks too` */
function roadWords({ report: { carrier }, also }: KnockFacts): string {
  if (carrier === undefined) return ""
  const over = carrier === "icmp" ? " over ICMP" : ` over ${roadText(carrier)}`
  return also === undefined ? over : `${over}; ${roadText(also)} carries knocks too`
}

/** Of the request that was answered: one sent before it, whose answers got lost, may have opened. */
function wasOpen({ report }: KnockFacts, took: string): string {
  const earlier = report.stage === "one-way" ? " (an earlier packet of this knock may have opened it)" : ""
  return `open already, nothing to change${earlier}${took === "" ? "" : `; answered${took}`}`
}

function opened(facts: KnockFacts, answer: Answer, what: string): Words {
  const event = "opened"
  if (answer.verified && answer.stillDropping > 0) {
    const count = `${answer.stillDropping}${answer.stillDropping === 65_535 ? " or more" : ""}`
    const port = facts.check === undefined ? "" : `; ${portWords(facts.check)}`
    return {
      event,
      code: "state-unknown",
      what: `${what}, but ${count} ${answer.stillDropping === 1 ? "chain or rule" : "chains or rules"} can still drop${port}`,
      hint: facts.hard
        ? "`fw-watchdog status` on the server names them"
        : `\`fw-watchdog status\` on the server names them; to clear more: fw-knock reset --hard ${facts.host}`,
    }
  }
  const unverified = answer.verified ? "" : ", not verified"
  return portStays(facts, answer, {
    event,
    // Without a word from the server's own look and without a port that proves it, nobody knows.
    code: unverified !== "" && facts.check?.state !== "open" ? "state-unknown" : "done",
    what: `${what}${unverified}${reLockWords(answer)}; ${sessionWords(answer)}`,
    hint: `${answer.verdict === "open-already" ? "log in" : "log in and repair the rules, it is open until then"}: ${facts.login}`,
  })
}

/** Who wrote the rules an answer does not tell; the server's own event does, as far as it knows. */
function reLockWords({ reLocks }: Answer): string {
  if (reLocks === 0) return ""
  const times = reLocks === 1 ? "once" : `${reLocks} times`
  return `; rules that drop were added ${times} since an open (by hand, or something there puts rules back)`
}

/** The firewall is said to be as it was asked for; if the port is shut all the same, that is the news. */
function portStays(facts: KnockFacts, answer: Answer, words: Words): Words {
  const { check } = facts
  if (check === undefined) return words
  const what = `${words.what}; ${portWords(check)}`
  if (check.state === "open") return { ...words, what }
  const hint =
    check.state === "closed"
      ? whyClosed(facts.host, facts.hard, check.port, answer)
      : answer.verdict === "rolled-back"
        ? `the rules from arming may drop it; to open: fw-knock reset ${facts.host}`
        : whyStillShut(facts.host, facts.hard, answer)
  return { ...words, what, code: "state-unknown", hint }
}

function noAnswer(facts: KnockFacts): Words {
  const { report, verb, check, host, login } = facts
  const late = verbs[verb].changesNothing ? "" : `; the ${verb} may still arrive`
  const open = check?.state === "open" && verbs[verb].opens ? `try to log in first: ${login}; otherwise ` : ""
  return {
    event: "no-answer",
    code: "no-answer",
    what: `no answer within ${formatDuration(facts.waitMs)}; ${sentAndPort(facts)}${late}`,
    hint: `${open}${whyNoAnswer(host, verb, report)}`,
  }
}

function sentAndPort({ report, check }: KnockFacts): string {
  return `${packets(report.packetsSent)} sent${check === undefined ? "" : `; ${portWords(check)}`}`
}

function tookWords(roundTripMs: number | undefined): string {
  if (roundTripMs === undefined) return ""
  return roundTripMs < 1 ? " within 1ms" : ` in ${formatDuration(Math.round(roundTripMs))}`
}

function sessionWords(answer: Answer): string {
  return `the session ends in ${formatDuration(answer.secondsLeft * 1000)}`
}

function outcome(host: string, { what, ...words }: Words): Outcome {
  return { ...words, message: `${host}: ${what}` }
}
