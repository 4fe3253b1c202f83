import type { LookDeps } from "./looking.ts"
import type { KnockOrigin, Survey } from "./obstacle.ts"
import { notLooked } from "./obstacle.ts"
import { type Route, routeTo } from "./routes.ts"

const conf = "/proc/sys/net/ipv4/conf"

type ReadDeps = Pick<LookDeps, "readText" | "listFolder">

/** The names below {@link conf} whose own value is strict: interfaces, `all`, `default`. */
export function strictEntries({ readText, listFolder }: ReadDeps): string[] {
  return listFolder(conf).filter((device) => readText(reversePathFile(device)).trim() === "1")
}

/** The sysctl of an interface, or of `all`. */
export const reversePathFile = (device: string): string => `${conf}/${device}/rp_filter`

/** Interfaces that filter strictly: the kernel takes the larger of `all` and the interface's own (ip-sysctl.rst). */
function strictInterfaces(deps: ReadDeps): string[] {
  const value = (device: string): number => Number(deps.readText(reversePathFile(device)).trim())
  const all = value("all")
  return deps
    .listFolder(conf)
    .filter((device) => !["all", "default", "lo"].includes(device) && Math.max(all, value(device)) === 1)
}

/**
 * Strict reverse path filtering drops packets that come in by another interface than the way back to their source leads
 * out by. Of IPv4 only; where no knock says where somebody is, it is an obstacle on two interfaces or more.
 */
export async function lookForReversePath(deps: LookDeps, origin: KnockOrigin | undefined): Promise<Survey> {
  if (deps.listFolder(conf).length === 0) return notLooked("reverse-path", `cannot read ${conf}`)
  const strict = strictInterfaces(deps)
  const where = (device: string, back: string): Survey => ({
    found: [{ kind: "reverse-path", where: `strict rp_filter on ${device}${back}` }],
    notLooked: [],
  })
  const none: Survey = { found: [], notLooked: [] }
  if (strict.length === 0 || origin?.source.includes(":")) return none
  if (origin === undefined) return strict.length > 1 ? where(strict.join(", "), "") : none
  const ip = deps.findProgram("ip")
  if (ip === undefined) return notLooked("reverse-path", "ip is missing")
  const back: Route | undefined = (await routeTo(deps, ip, origin.source)).route
  if (back === undefined) return none // no way back at all, which is an obstacle of its own
  const by = origin.device === "any" ? strict : strict.filter((device) => device === origin.device)
  const others = by.filter((device) => device !== back.device)
  if (back.device === "lo" || others.length === 0) return none
  return where(others.join(", "), `: the way back to ${origin.source} leads out by ${back.device}`)
}
