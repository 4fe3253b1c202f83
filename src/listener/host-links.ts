import { readFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { networkDevices } from "./network-devices.ts"

/** The interfaces of this host and their addresses, as far as captures and answers depend on them. */
export type HostLinks = ReadonlyMap<string, string>

/**
 * Reads them: per interface its index (an interface that was deleted and made again has another one), link address and
 * addresses. /proc/net/igmp is where an unprivileged process finds the index without /sys, which does not follow the
 * network namespace.
 */
export function readHostLinks(): HostLinks {
  const indexes = new Map<string, string>()
  for (const line of read("/proc/self/net/igmp").split("\n")) {
    const match = /^(\d+)\s+(\S+)/.exec(line)
    if (match) indexes.set(match[2] ?? "", match[1] ?? "")
  }
  const addresses = networkInterfaces()
  return new Map(
    networkDevices(read("/proc/self/net/dev")).map((name) => {
      const own = (addresses[name] ?? []).map(({ address, mac }) => `${mac} ${address}`).sort()
      return [name, [indexes.get(name) ?? "-", ...own].join(" ")]
    }),
  )
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** What is not as it was, in a few words, or undefined when nothing changed. */
export function linksChanged(before: HostLinks, now: HostLinks): string | undefined {
  const changes: string[] = []
  for (const [name, facts] of now) {
    if (!before.has(name)) changes.push(`${name} is new`)
    else if (before.get(name) !== facts) changes.push(`${name} has changed`)
  }
  for (const name of before.keys()) if (!now.has(name)) changes.push(`${name} is gone`)
  return changes.length === 0 ? undefined : changes.slice(0, 4).join(", ")
}
