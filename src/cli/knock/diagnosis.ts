import type { PathReport } from "../../client/paths.ts"
import type { Answer, ObstacleKind } from "../../knock/answer.ts"
import type { Verb } from "../../knock/verbs.ts"

/**
 * The likeliest reasons why no answer came, and what to try next, from what the packets met on their way. Only what
 * this machine's own kernel said is verified.
 */
export function whyNoAnswer(host: string, verb: Verb, report: PathReport): string {
  const refused = report.sendFailures[0]
  if (report.noPings !== undefined) {
    const { message, hint } = report.noPings
    return `no ping could be sent from here: ${message}${hint === undefined ? "" : `; ${hint}`}`
  }
  const stopped = report.sendFailures.find((failure) => /not permitted/i.test(failure))
  if (stopped !== undefined)
    return `this machine's own firewall stops pings (${stopped}); let ICMP echo requests out`
  if (report.packetsSent === 0 && refused !== undefined)
    return `nothing could be sent (${refused}); look at this machine's network`
  if (report.unreachable !== undefined)
    return `${report.unreachable.from} says "${report.unreachable.reason}" about ${report.unreachable.destination}; is the address right, the machine up, and ICMP let through?`
  if (report.echoed)
    return `${host} answers ordinary pings, so packets arrive: no session is armed there, or it has another secret; \`fw-watchdog status\` on its console tells`
  return `likely no session is armed there, it has another secret, or knocks are dropped on the way (a cloud security group?); try fw-knock ${verb} --wait 1m ${host}, from another network too, or \`fw-watchdog status\` on its console`
}

/** The kinds of obstacles, as a line for people names them. */
const obstacleWords: Readonly<Record<ObstacleKind, string>> = {
  routing: "routing (`ip rule`, `ip route`)",
  "port-translation": "a rule in nat that carries the port elsewhere",
  xdp: "an XDP program",
  "traffic-control": "a tc filter",
  "reverse-path": "strict rp_filter",
}

const elsewhere = "the provider's security group, a router on the way"

/**
 * The places to look for what still stops the port behind an open, in the order in which they are to be tried: what a harder reset clears,
 * what the server has seen, and what stands in front of it only where the server has seen nothing.
 */
export function whyStillShut(host: string, hard: boolean, { verified, obstacles }: Answer): string {
  const first = hard ? "" : `clear more first: fw-knock reset --hard ${host}; `
  const seen = obstacles?.seen ?? []
  if (seen.length > 0) {
    const also = obstacles?.complete ? "" : "; it could not look at everything"
    return `${first}the server sees what can stop it: ${seen.map((kind) => obstacleWords[kind]).join(", ")}${also}; \`fw-watchdog status\` there names it`
  }
  if (obstacles?.complete)
    return `${first}${hard ? "" : "if that does not help, "}it is not in the server's firewall, and the server sees no routing, nat, XDP, tc or rp_filter that would stop it: look at ${elsewhere}`
  if (obstacles !== undefined)
    return `${first}the server could not look at everything that can stop it, \`fw-watchdog status\` there says at what; or it is ${elsewhere}`
  const unknown = verified
    ? "the server does not say what else it sees"
    : "the server's own look did not arrive"
  return `${first}${unknown}: \`fw-watchdog status\` and \`fw-watchdog check\` there name it; or it is ${elsewhere}`
}

/** The reasons for a port that answers with a refusal. */
export function whyClosed(host: string, hard: boolean, port: number, { obstacles }: Answer): string {
  const nothing = `nothing listens on tcp/${port} there, or something answers in its place`
  if (obstacles?.seen.includes("port-translation"))
    return `${hard ? "" : `clear nat too: fw-knock reset --hard ${host}; `}the server sees a rule in nat that carries the port elsewhere, \`fw-watchdog status\` there names it; or ${nothing}`
  return `${nothing}; another port: --check tcp/PORT`
}
