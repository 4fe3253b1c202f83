import { readFileSync } from "node:fs"
import type { RunCommand } from "../system/process/run-command.ts"
import type { Finding } from "./finding.ts"

/** Filters that no reset can open, because they drop packets before the listener hears them, or outside of this machine. */
export async function outsideFilters(run: RunCommand, ip: string, readText = readFile): Promise<Finding[]> {
  const listed = await run({ path: ip, args: ["-j", "link", "show"] })
  return [
    ...xdpFindings(listed.ok ? listed.stdout : "[]"),
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

/** XDP programs see packets before any capture does; `ip -j link` names them under `xdp`. */
function xdpFindings(links: string): Finding[] {
  const parsed = JSON.parse(links) as { ifname?: string; xdp?: { prog?: { id?: number; name?: string } } }[]
  return parsed
    .filter((link) => link.xdp !== undefined)
    .map((link) => ({
      level: "note" as const,
      subject: "xdp",
      message: `an XDP program runs on ${link.ifname}: what it drops, nobody here hears`,
      advice: `\`ip link set dev ${link.ifname} xdp off\` on the console takes it away`,
    }))
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
