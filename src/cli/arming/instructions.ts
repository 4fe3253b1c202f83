import { networkInterfaces } from "node:os"

/** The facts that the lines for the workstation are made of. */
export interface WorkstationFacts {
  /** The host as fw-knock is to be told it: as its secret's line has it. */
  readonly host: string
  /** The address that a knock goes to when no name is known there. */
  readonly address: string
  /** A one-time secret's line, `HOST fwk1-...`; undefined when none was made. */
  readonly secretLine: string | undefined
  /** A complete one-way reset request in hex for a workstation that has nothing installed; undefined when none is to be shown. */
  readonly readyMade: string | undefined
  /** The workstation has a standing secret already. */
  readonly standing: boolean
  readonly plain: boolean
}

/**
 * The exact lines to run on the workstation, each command on a line of its own, to be copied. The probe comes before the
 * reset: until it has been answered nobody knows that knocks get through. A secret is typed at the prompt, never put on a
 * command line.
 */
export function workstationLines(facts: WorkstationFacts): string[] {
  const { host, address, secretLine, readyMade } = facts
  const lines: string[] = []
  const add = (what: string, command: string): void => void lines.push(what, `       ${command}`)
  if (secretLine !== undefined) {
    add("on your workstation:", `fw-knock remember ${host}`)
    add("  and paste this there:", secretLine)
  }
  if (secretLine !== undefined || facts.standing) {
    const where = secretLine === undefined ? "on your workstation," : " "
    add(`${where} before any rule is changed:`, `fw-knock probe ${host}`)
    add("  locked out:", `fw-knock reset ${host}`)
  }
  if (readyMade !== undefined) {
    const six = address.includes(":") ? "-6 " : ""
    add(
      "  or from a machine that has only nmap's nping (opens once; it is a key, do not show it around):",
      `nping ${six}--icmp -c 1 --data ${readyMade} ${address}`,
    )
  }
  if (facts.plain)
    add("whoever sends the text of --plain opens too:", `fw-knock reset --plain TEXT ${address}`)
  return lines.length === 0 ? [] : ["", ...lines, ""]
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
