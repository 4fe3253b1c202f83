import { Fault } from "../../errors.ts"
import { detect } from "../tools/detect.ts"
import { Armed } from "./armed-firewall.ts"
import type { ArmedFirewall, FirewallDeps } from "./contract.ts"
/**
 * Finds this machine's firewalls and stands ready to open them.
 * @throws Fault `missing` when there is no firewall tool at all
 */
export async function armFirewall(deps: FirewallDeps): Promise<ArmedFirewall> {
  const detected = await detect(deps.run, deps.readText)
  if (detected.tools.size === 0)
    throw new Fault("missing", "cannot find nft or iptables in /usr/sbin, /usr/bin, /sbin, /bin", {
      hint: "install nftables or iptables; without either there is nothing that an open could use",
    })
  const armed = new Armed(deps, detected)
  await armed.start()
  return armed
}
