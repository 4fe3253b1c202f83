import type { Clock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import { addressFamily } from "../../../wire/address.ts"
import { carriersTo } from "../carriers.ts"
import { addressesOf } from "../known-hosts/addresses.ts"
import type { SshOptions } from "./options.ts"
import type { KnockRoad } from "./road/way-in.ts"
import type { Server } from "./server.ts"

/**
 * The way that knocks take to a server that ssh gets in to: straight, or by the last jump host, to the address that the server itself
 * sees.
 * @throws Fault `refused` where only a ProxyCommand leads there, `missing` where no address is known
 */
export async function roadTo(server: Server, { via, waitMs }: SshOptions, clock: Clock): Promise<KnockRoad> {
  const { config, survey, words: ssh } = server
  const { host } = server.target
  const carriers = carriersTo(undefined, undefined, config.port)
  const jump = via === "none" ? undefined : (via ?? config.proxyJump)
  if (via === undefined && jump === undefined && config.proxyCommand !== undefined)
    throw new Fault("refused", `ssh reaches ${host} by a ProxyCommand, which carries no pings`, {
      hint: "nothing was armed; say which host can send them: --via JUMP, or --via none for this one",
    })
  if (jump !== undefined) {
    const address = survey.address ?? (addressFamily(config.hostName) === 0 ? undefined : config.hostName)
    if (address === undefined)
      throw new Fault("missing", `nobody knows the address of ${host}: its sshd does not tell`)
    return { host, addresses: [address], jump, carriers, ssh }
  }
  const named = {
    typed: host,
    target: { host: config.hostName },
    name: host,
    record: undefined,
    folders: undefined,
  }
  try {
    return { host, addresses: await addressesOf(named, undefined, waitMs, clock), jump, carriers, ssh }
  } catch (thrown) {
    // ssh got in by a name that only its own configuration knows.
    if (survey.address === undefined) throw thrown
    return { host, addresses: [survey.address], jump, carriers, ssh }
  }
}
