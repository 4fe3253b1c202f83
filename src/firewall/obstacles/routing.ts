import { failureOf } from "../../system/process/run-command.ts"
import type { LookDeps } from "./looking.ts"
import { type MarkRule, markerOf } from "./marks.ts"
import { joined, type KnockOrigin, notLooked, type Obstacle, type Survey } from "./obstacle.ts"
import { type RouteAnswer, routeTo, stopTypes } from "./routes.ts"

/** A rule as `ip -j rule show` prints it: ip-rule(8). */
interface PolicyRule {
  readonly not?: null
  readonly fwmark?: string
  readonly fwmask?: string
  readonly table?: string
  readonly action?: string
}

/**
 * Looks for policy routing that takes the answers away: the kernel is asked for its way back to where the knock came from,
 * plainly, from each port that people log in by, and with each mark that some rule gives to packets and some `ip rule` asks for. Without a
 * knock, only for marks that lead nowhere at all.
 * @param marks undefined where the rules could not be read
 */
export async function lookForRouting(
  deps: LookDeps,
  origin: KnockOrigin | undefined,
  marks: readonly MarkRule[] | undefined,
): Promise<Survey> {
  const ip = deps.findProgram("ip")
  if (ip === undefined) return notLooked("routing", "ip is missing")
  const surveys = [origin === undefined ? {} : await plainWay(deps, ip, origin)]
  const families = origin === undefined ? ["-4", "-6"] : [origin.source.includes(":") ? "-6" : "-4"]
  for (const family of families) {
    const listed = await deps.run({ path: ip, args: [family, "-j", "rule", "show"] })
    if (!listed.ok && family === "-6" && origin === undefined) continue // a kernel without IPv6
    if (!listed.ok) return notLooked("routing", failureOf(listed))
    const rules = (JSON.parse(listed.stdout || "[]") as PolicyRule[]).filter(
      ({ fwmark, not }) => fwmark !== undefined && not === undefined,
    )
    if (rules.length === 0) continue
    if (marks === undefined) surveys.push(notLooked("routing", "the rules that set marks could not be read"))
    for (const rule of rules) surveys.push(await markedWay(deps, ip, family, origin, rule, marks ?? []))
  }
  return joined(surveys.map((survey) => ({ found: [], notLooked: [], ...survey })))
}

const seen = (where: string): Survey => ({ found: [{ kind: "routing", where }], notLooked: [] })

async function plainWay(deps: LookDeps, ip: string, { source }: KnockOrigin): Promise<Partial<Survey>> {
  const plain = await routeTo(deps, ip, source)
  if (plain.refusal !== undefined) return seen(`the way back to ${source} is ${plain.refusal}`)
  if (plain.unanswered !== undefined) return notLooked("routing", plain.unanswered)
  const found: Obstacle[] = []
  for (const port of deps.loginPorts()) {
    const way = await routeTo(deps, ip, source, `ipproto tcp sport ${port}`)
    const fate = otherFate(plain, way)
    if (fate !== "")
      found.push({
        kind: "routing",
        where: `an \`ip rule\` for tcp/${port}: the way back to ${source} ${fate}`,
      })
  }
  return { found }
}

async function markedWay(
  deps: LookDeps,
  ip: string,
  family: string,
  origin: KnockOrigin | undefined,
  { fwmark = "0", fwmask = "0xffffffff", table = "", action = "" }: PolicyRule,
  marks: readonly MarkRule[],
): Promise<Partial<Survey>> {
  const marker = markerOf(marks, Number(fwmark), Number(fwmask))
  if (marker === undefined) return {}
  const fate =
    origin === undefined
      ? await fateAnywhere(deps, ip, family, table, action)
      : otherFate(
          await routeTo(deps, ip, origin.source),
          await routeTo(deps, ip, origin.source, `mark ${Number(fwmark)}`),
        )
  if (fate === "") return {}
  return seen(`an \`ip rule\` for fwmark ${fwmark}: the way back ${fate}; marked by ${marker.where}`)
}

/** The words for a way that is not the plain one; empty when it is, or nobody can tell. */
function otherFate({ route: plain }: RouteAnswer, { route, refusal }: RouteAnswer): string {
  if (plain === undefined) return ""
  if (refusal !== undefined) return `is ${refusal}`
  if (route === undefined || route.device === plain.device) return ""
  return `leads out by ${route.device} and not by ${plain.device}`
}

/** The same where nobody knocked: only what leads nowhere can be told. */
async function fateAnywhere(
  { run }: LookDeps,
  ip: string,
  family: string,
  table: string,
  action: string,
): Promise<string> {
  if (action in stopTypes) return `is ${action}`
  const shown = await run({ path: ip, args: [family, "-j", "route", "show", "table", table] })
  const routes = shown.ok ? (JSON.parse(shown.stdout || "[]") as { type?: string; dst?: string }[]) : []
  const stop = routes.find(({ type, dst }) => dst === "default" && type !== undefined && type in stopTypes)
  return stop === undefined ? "" : `is ${stop.type}`
}
