import { readFileSync } from "node:fs"
import { armFirewall } from "../../../src/firewall/open/arm-firewall.ts"
import type { ArmedFirewall, FirewallDeps, OpenOptions } from "../../../src/firewall/open/contract.ts"
import { type Keep, openFirewall } from "../../../src/firewall/open/open-firewall.ts"
import { runCommand } from "../../../src/system/process/run-command.ts"
import { startLoader } from "../../../src/system/process/standby-process.ts"
import { systemClock } from "../../../src/system/system-clock.ts"
import type { Host, Lab } from "../lab/lab.ts"

/**
 * The dependencies of a firewall that lives in a host's network namespace, while this process stays outside of it.
 * @param holderPid a process there, in a mount namespace of its own when files are to change under the firewall
 */
export function firewallDeps(host: Host, holderPid?: number): FirewallDeps {
  // /proc/net is per network namespace of the process in its path: one that waits there lends us its view.
  const holder = { pid: holderPid ?? host.start(["sleep", "infinity"]).pid }
  const mount = holderPid === undefined ? [] : [`--mount=/proc/${holderPid}/ns/mnt`]
  const enter = [...mount, `--net=/run/netns/${host.netns}`, "--"]
  return {
    run: (request) =>
      runCommand({ ...request, path: "/usr/bin/nsenter", args: [...enter, request.path, ...request.args] }),
    start: ({ path, args, env = {} }, events) =>
      startLoader({ path: "/usr/bin/nsenter", args: [...enter, path, ...args], env }, events),
    readText: (path) => {
      try {
        return readFileSync(path.replace("/proc/net/", `/proc/${holder.pid}/net/`), "utf8")
      } catch {
        return undefined
      }
    },
    clock: systemClock,
  }
}

/** An armed firewall, and a whole open of it. */
export interface HostFirewall extends ArmedFirewall {
  open(options: OpenOptions): ReturnType<typeof openFirewall>
}

/** Arms the firewall of a host; it is closed with the lab. */
export async function armOn(
  lab: Lab,
  host: Host,
  { keep, ...extra }: Partial<FirewallDeps> & { readonly keep?: Keep } = {},
): Promise<HostFirewall> {
  const armed = await armFirewall({ ...firewallDeps(host), ...extra })
  lab.onClose(() => armed.close())
  armed.waitForSettling()
  return Object.assign(armed, { open: (options: OpenOptions) => openFirewall(armed, options, keep) })
}
