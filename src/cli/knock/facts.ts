import type { KnockReport } from "../../client/knocker.ts"
import type { Carrier, PathReport } from "../../client/paths.ts"
import type { PortCheck } from "../../client/tcp-check.ts"
import type { Verb } from "../../knock/verbs.ts"
import type { JsonValue, Outcome } from "../../report/outcome.ts"
import { roadText } from "./carriers.ts"

/** Everything that is known about one host when its knock is over. */
export interface KnockFacts {
  /** As typed. */
  readonly host: string
  /** The command that logs in there: `ssh -p 2222 ada@web1`. */
  readonly login: string
  readonly verb: Verb
  readonly hard: boolean
  readonly waitMs: number
  readonly report: KnockReport
  /** Undefined with --no-check. */
  readonly check: PortCheck | undefined
  /** Another carrier than that of the answer, over which one came too. */
  readonly also?: Carrier | undefined
}

/** The facts of a knock for `--json`, under stable keys; native-notes/json.md lists them. */
export function knockFacts({ host, verb, report, check, also }: KnockFacts): NonNullable<Outcome["facts"]> {
  const { answer } = report
  return {
    host,
    verb,
    address: report.address,
    verdict: answer?.verdict,
    roundTripMs: report.roundTripMs === undefined ? undefined : Math.round(report.roundTripMs * 10) / 10,
    road: report.carrier && roadText(report.carrier),
    alsoOver: also && roadText(also),
    stage: report.stage,
    verified: answer?.verified,
    stillDropping: answer?.verified ? answer.stillDropping : undefined,
    mayStop: answer?.obstacles && [...answer.obstacles.seen],
    allLookedAt: answer?.obstacles?.complete,
    reLocks: answer?.reLocks,
    secondsLeft: answer?.secondsLeft,
    pinned: answer?.pinned,
    serverTimeMs: answer?.serverTimeMs,
    ...pathFacts(report, check),
  }
}

/** The same for the packets alone, whoever answered. */
export function pathFacts(
  report: PathReport,
  check: PortCheck | undefined,
): Record<string, JsonValue | undefined> {
  const { unreachable } = report
  return {
    packetsSent: report.packetsSent,
    socket: report.means,
    echoed: report.echoed,
    unreachable: unreachable && { from: unreachable.from, reason: unreachable.reason },
    sendFailures: report.sendFailures.length > 0 ? report.sendFailures : undefined,
    check: check && {
      port: check.port,
      state: check.state,
      reason: check.reason,
      tookMs: Math.round(check.tookMs),
    },
  }
}

/** `tcp/22 is filtered (no reply)`. */
export function portWords(check: PortCheck): string {
  const reason =
    check.state === "filtered" && check.reason !== undefined ? ` (${reasonWords(check.reason)})` : ""
  return `tcp/${check.port} is ${check.state}${reason}`
}

/** `1 packet`, `3 packets`. */
export function packets(count: number): string {
  return count === 1 ? "1 packet" : `${count} packets`
}

function reasonWords(reason: string): string {
  if (reason === "timeout" || reason === "ETIMEDOUT") return "no reply"
  if (reason === "EHOSTUNREACH") return "host unreachable"
  if (reason === "ENETUNREACH") return "network unreachable"
  if (reason === "EACCES" || reason === "EPERM") return "prohibited"
  return reason
}
