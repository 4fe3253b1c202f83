import type { BadLine, ListedHost } from "../../../secrets/fleet/host-list.ts"
import type { NamedHost } from "../../../secrets/fleet/joining.ts"
import { canonicalHost } from "../../../secrets/host-name.ts"
import { addressFamily } from "../../../wire/address.ts"

/**
 * The hosts of a list as members of one group, each once.
 * @returns also the lines that name a host again, with another user or port: one record cannot hold both
 */
export function listedHosts(
  listed: readonly ListedHost[],
  group: string,
): { hosts: NamedHost[]; bad: BadLine[] } {
  const [hosts, bad]: [NamedHost[], BadLine[]] = [[], []]
  const seen = new Map<string, ListedHost>()
  for (const one of listed) {
    const { host, user, port, line } = one
    const twin = seen.get(canonicalHost(host))
    if (twin === undefined) {
      seen.set(canonicalHost(host), one)
      hosts.push({
        name: host,
        user,
        port,
        addresses: addressFamily(host) === 0 ? [] : [host],
        groups: [group],
      })
    } else if (twin.user !== user || twin.port !== port)
      bad.push({ line, problem: `${host} stands in line ${twin.line} with another user or port` })
  }
  return { hosts, bad }
}
