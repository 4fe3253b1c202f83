import { networkInterfaces } from "node:os"

/** What the lines for the workstation are made of. */
export interface WorkstationFacts {
  /** The address the knock should go to. */
  readonly address: string
  /** A one-time secret's line, `HOST fwk1-...`; undefined for standing secrets, which the workstation has already. */
  readonly secretLine: string | undefined
  /** A complete one-way reset request in hex for a workstation that has nothing installed; undefined when none fits. */
  readonly readyMade: string | undefined
  readonly plain: string
}

/**
 * The exact lines to run on the workstation, the probe first: until an authentic probe has been answered nobody knows
 * that knocks get through. A secret is typed at the prompt, never put on a command line.
 */
export function workstationLines(facts: WorkstationFacts): string[] {
  const { address } = facts
  const lines = ["on the workstation:"]
  if (facts.secretLine !== undefined) {
    lines.push(`  1. keep the secret (paste it when asked):   fw-knock remember ${address}`)
    lines.push(`       ${facts.secretLine}`)
    lines.push(`  2. try the way in now; it changes nothing:  fw-knock probe ${address}`)
    lines.push(`  3. when locked out:                         fw-knock reset ${address}`)
  } else if (facts.plain === "" || facts.readyMade !== undefined) {
    lines.push(`  1. try the way in now; it changes nothing:  fw-knock probe ${address}`)
    lines.push(`  2. when locked out:                         fw-knock reset ${address}`)
  }
  if (facts.readyMade !== undefined) {
    const six = address.includes(":") ? "-6 " : ""
    lines.push(
      "with nothing installed there but nmap, this line resets once (it is a key: do not show it around):",
    )
    lines.push(`  nping ${six}--icmp -c 1 --data ${facts.readyMade} ${address}`)
  }
  if (facts.plain !== "") {
    lines.push(
      `anybody who sends this text resets too (--plain is unauthenticated):  fw-knock reset --plain TEXT ${address}`,
    )
  }
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
