import type { PathReport } from "../../client/paths.ts"
import type { Verb } from "../../knock/verbs.ts"

/**
 * The likeliest reasons why no answer came, and what to try next, from what the packets met on their way. Only what
 * this machine's own kernel said is verified.
 */
export function whyNoAnswer(host: string, verb: Verb, report: PathReport): string {
  const refused = report.sendFailures[0]
  if (report.packetsSent === 0 && refused !== undefined)
    return /not permitted/i.test(refused)
      ? `this machine's own firewall stops pings (${refused}); let ICMP echo requests out`
      : `nothing could be sent (${refused}); look at this machine's network`
  if (report.unreachable !== undefined)
    return `${report.unreachable.from} says "${report.unreachable.reason}" about ${report.unreachable.destination}; is the address right, the machine up, and ICMP let through?`
  if (report.echoed)
    return `${host} answers ordinary pings, so packets arrive: no session is armed there, or it has another secret; \`fw-watchdog status\` on its console tells`
  return `likely no session is armed there, it has another secret, or ICMP is dropped on the way (a cloud security group?); try fw-knock ${verb} --wait 1m ${host}, from another network too, or \`fw-watchdog status\` on its console`
}
