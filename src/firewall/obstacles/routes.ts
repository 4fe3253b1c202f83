import { failureOf } from "../../system/process/run-command.ts"
import type { LookDeps } from "./looking.ts"

/** A way out that the kernel would take. */
export interface Route {
  readonly device: string
  readonly gateway: string
}

/** The kernel's answer to `ip route get`: a way, or the reason why there is none. */
export interface RouteAnswer {
  readonly route?: Route
  readonly refusal?: string
  /** The question itself could not be asked: this ip, or this kernel, does not know it. */
  readonly unanswered?: string
}

/** Asks the kernel for its way to an address, through all its policy rules. @param more `mark 7`, `ipproto tcp sport 22` */
export async function routeTo(
  { run }: Pick<LookDeps, "run">,
  ip: string,
  address: string,
  more = "",
): Promise<RouteAnswer> {
  const family = address.includes(":") ? "-6" : "-4"
  const args = [family, "-j", "route", "get", address, ...more.split(" ").filter(Boolean)]
  const asked = await run({ path: ip, args })
  if (!asked.ok) {
    const refusal = /^RTNETLINK answers: (.*)$/m.exec(asked.stderr)?.[1]
    if (refusal === undefined) return { unanswered: failureOf(asked) }
    return { refusal: refusalWords[refusal] ?? refusal.toLowerCase() }
  }
  const [found] = JSON.parse(asked.stdout || "[]") as { type?: string; dev?: string; gateway?: string }[]
  if (found?.type !== undefined && found.type in stopTypes) return { refusal: found.type }
  return { route: { device: found?.dev ?? "", gateway: found?.gateway ?? "" } }
}

/** Types of routes and rules that end a packet (ip-route(8), ip-rule(8)). */
export const stopTypes: Readonly<Record<string, true>> = {
  prohibit: true,
  blackhole: true,
  unreachable: true,
}

/** The kernel's answers for each of them, and their words (fib_props in fib_semantics.c, fib_rules). */
const refusalWords: Readonly<Record<string, string>> = {
  "Permission denied": "prohibited",
  "Invalid argument": "sent into a blackhole",
  "Network is unreachable": "unreachable: no route",
  "No route to host": "unreachable",
}
