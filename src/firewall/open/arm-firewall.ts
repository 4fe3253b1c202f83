import { Fault } from "../../errors.ts"
import { detect } from "../tools/detect.ts"
import { findTools } from "../tools/tool-paths.ts"
import { Armed } from "./armed-firewall.ts"
import type { ArmedFirewall, FirewallDeps } from "./contract.ts"

/**
 * Finds this machine's firewalls and stands ready to open them.
 * @throws Fault `missing` when there is no firewall tool at all
 */
export async function armFirewall(deps: FirewallDeps): Promise<ArmedFirewall> {
  const armed = new Armed(deps, await detect(deps.run, findTools()))
  if (!armed.canOpen)
    throw new Fault("missing", "cannot find nft or iptables in /usr/sbin, /usr/bin, /sbin, /bin", {
      hint: "install nftables or iptables; without either there is nothing that an open could use",
    })
  await armed.start()
  return armed
}
