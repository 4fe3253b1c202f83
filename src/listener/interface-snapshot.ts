import { readFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { networkDevices } from "../system/network/network-devices.ts"

/** The interfaces of this host and their addresses, as far as captures and answers depend on them. */
export type InterfaceSnapshot = ReadonlyMap<string, string>

/**
 * Reads them: per interface its index (an interface that was deleted and made again has another one), link address and
 * addresses. /proc/net/igmp is where an unprivileged process finds the index without /sys, which does not follow the
 * network namespace.
 *
 * @returns undefined when no descriptor or no memory is left to read them: that says nothing about the interfaces, and is
 *   no reason to end
 */
export function readInterfaces(): InterfaceSnapshot | undefined {
  try {
    return interfacesNow()
  } catch {
    return undefined
  }
}

function interfacesNow(): InterfaceSnapshot {
  const indexes = new Map<string, string>()
  for (const line of multicastGroups().split("\n")) {
    const match = /^(\d+)\s+(\S+)/.exec(line)
    if (match) indexes.set(match[2] ?? "", match[1] ?? "")
  }
  const addresses = networkInterfaces()
  return new Map(
    networkDevices(readFileSync("/proc/self/net/dev", "utf8")).map((name) => {
      const own = (addresses[name] ?? []).map(({ address, mac }) => `${mac} ${address}`).sort()
      return [name, [indexes.get(name) ?? "-", ...own].join(" ")]
    }),
  )
}

/** A kernel without CONFIG_IP_MULTICAST does not have the file. */
function multicastGroups(): string {
  try {
    return readFileSync("/proc/self/net/igmp", "utf8")
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return ""
    throw thrown
  }
}

/** The changes, in a few words, or undefined when there are none. */
export function interfacesChanged(before: InterfaceSnapshot, now: InterfaceSnapshot): string | undefined {
  const changes: string[] = []
  for (const [name, facts] of now) {
    if (!before.has(name)) changes.push(`${name} is new`)
    else if (before.get(name) !== facts) changes.push(`${name} has changed`)
  }
  for (const name of before.keys()) if (!now.has(name)) changes.push(`${name} is gone`)
  return changes.length === 0 ? undefined : changes.slice(0, 4).join(", ")
}
