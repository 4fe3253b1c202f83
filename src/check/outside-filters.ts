import { readFileSync } from "node:fs"
import { type LookDeps, systemLookDeps } from "../firewall/obstacles/looking.ts"
import { surveyObstacles } from "../firewall/obstacles/survey.ts"
import type { SnapshotDeps } from "../firewall/snapshot/reading.ts"
import type { Finding } from "./finding.ts"

/** How long each kind is looked for, in milliseconds. */
const lookMs = 30_000

/**
 * The things that no reset can open, or that only `--hard` takes away: they drop packets before the listener hears them, carry
 * them elsewhere, or stand outside of this machine.
 */
export async function outsideFilters(
  deps: SnapshotDeps,
  look: LookDeps = systemLookDeps(deps.run),
  readText = readFile,
): Promise<Finding[]> {
  const { found, notLooked } = await surveyObstacles(look, deps, undefined, lookMs)
  return [
    ...found.map(({ kind, where }) => (kind === "xdp" ? xdpFinding(where) : obstacleFinding(kind, where))),
    ...notLooked.map(({ kind, why }) => note(kind, `not looked at (${kind}): ${why}`)),
    ...cloudFindings(readText("/sys/class/dmi/id/sys_vendor")),
  ]
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    return ""
  }
}

function note(subject: string, message: string, advice?: string): Finding {
  return { level: "note", subject, message, ...(advice === undefined ? {} : { advice }) }
}

/** XDP programs see packets before any capture does. */
function xdpFinding(where: string): Finding {
  const device = where.slice(where.lastIndexOf(" ") + 1)
  return note(
    "xdp",
    `${where}: what it drops, nobody here hears`,
    `\`ip link set dev ${device} xdp off\` on the console takes it away`,
  )
}

function obstacleFinding(kind: string, where: string): Finding {
  return note(kind, `an open leaves this alone, and it can stop packets: ${where}`)
}

const clouds: readonly (readonly [RegExp, string])[] = [
  [/amazon/i, "security groups and network ACLs"],
  [/google/i, "VPC firewall rules"],
  [/microsoft/i, "network security groups"],
  [/hetzner|digitalocean|openstack|alibaba|oracle/i, "the provider's firewall"],
]

/** A provider's firewall stands in front of the machine; it has to let echo requests in. */
function cloudFindings(vendor: string): Finding[] {
  const match = clouds.find(([pattern]) => pattern.test(vendor))
  if (match === undefined) return []
  return [
    {
      level: "note",
      subject: "provider-firewall",
      message: `this looks like a machine at ${vendor}: ${match[1]} stand in front of it`,
      advice: "let ICMP echo requests in there, and try `fw-knock probe` from outside",
    },
  ]
}
