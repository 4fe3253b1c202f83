import { networkInterfaces } from "node:os"

/** The facts that the lines for the workstation are made of. */
export interface WorkstationFacts {
  /** The address the knock should go to. */
  readonly address: string
  /** A one-time secret's line, `HOST fwk1-...`; undefined when none was made. */
  readonly secretLine: string | undefined
  /** A complete one-way reset request in hex for a workstation that has nothing installed; undefined when none fits. */
  readonly readyMade: string | undefined
  /** The workstation has a standing secret already. */
  readonly standing: boolean
  readonly plain: boolean
}

/**
 * The exact lines to run on the workstation, the probe first: until an authentic probe has been answered nobody knows
 * that knocks get through. A secret is typed at the prompt, never put on a command line.
 */
export function workstationLines(facts: WorkstationFacts): string[] {
  const { address } = facts
  const steps: [what: string, command: string, ...more: string[]][] = []
  if (facts.secretLine !== undefined)
    steps.push([
      "keep the secret; paste this line when asked for it",
      `fw-knock remember ${address}`,
      facts.secretLine,
    ])
  if (facts.secretLine !== undefined || facts.standing) {
    steps.push(["try the way in now; it changes nothing", `fw-knock probe ${address}`])
    steps.push(["when locked out", `fw-knock reset ${address}`])
  }
  const lines = steps.length === 0 ? [] : ["", "on the workstation:"]
  for (const [index, [what, ...commands]] of steps.entries())
    lines.push(`  ${index + 1}. ${what}:`, ...commands.map((command) => `       ${command}`))
  if (facts.readyMade !== undefined) {
    const six = address.includes(":") ? "-6 " : ""
    lines.push(
      "",
      "or, from one that has nothing but nmap's nping (opens once; it is a key, do not show it around):",
    )
    lines.push(`       nping ${six}--icmp -c 1 --data ${facts.readyMade} ${address}`)
  }
  if (facts.plain)
    lines.push(
      "",
      "anybody who sends the text of --plain opens too:",
      `       fw-knock reset --plain TEXT ${address}`,
    )
  if (lines.length > 0) lines.push("")
  return lines
}

/**
 * The address to show: the one the ssh session came in on, else the first global address of an interface.
 * @param serverAddress the third field of SSH_CONNECTION, when there is one
 */
export function addressToShow(serverAddress: string | undefined, interfaces = networkInterfaces()): string {
  if (serverAddress !== undefined) return serverAddress
  const addresses = Object.values(interfaces).flatMap((list) => list ?? [])
  const global = addresses.filter((entry) => !entry.internal && !entry.address.startsWith("fe80:"))
  return (global.find((entry) => entry.family === "IPv4") ?? global[0])?.address ?? "THIS-HOST"
}
