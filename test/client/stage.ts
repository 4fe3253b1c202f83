import { type Host, type Lab, twoHosts } from "../support/lab/lab.ts"
import { linkLocalOf, secretFile } from "../support/workstation.ts"
import { Responder } from "./responder.ts"

/** Two hosts with a responder on the server, and a secret file that fits it. */
export interface Stage {
  readonly lab: Lab
  readonly server: Host
  readonly client: Host
  readonly path: string
  readonly secret: Uint8Array
  readonly responder: Responder
  /** The server's link-local address as the client has to write it. */
  readonly linkLocal: string
  /** Nothing but neighbour discovery gets in or out of the server any more. */
  lockout(): void
  open(): void
  /** Everything as in the beginning. */
  reset(): void
}

/** Call it in `beforeAll`, and `lab.close()` in `afterAll`. */
export async function makeStage(): Promise<Stage> {
  const { lab, server, client } = twoHosts()
  const { path, secrets } = secretFile(lab, "192.0.2.1")
  const secret = secrets[0] as Uint8Array
  await server.serveTcp(22)
  const responder = await Responder.start(server, secret, () => ({ verdict: "alive" }))
  const linkLocal = `${await linkLocalOf(server)}%eth0`

  function lockout(): void {
    for (const tool of ["iptables-nft", "ip6tables-nft"])
      for (const chain of ["INPUT", "OUTPUT"]) server.run([tool, "-P", chain, "DROP"])
    // The link addresses stay known: that the server answers for them below its firewall is not what is tested here.
    for (const [chain, type] of [
      ["INPUT", "135"],
      ["OUTPUT", "136"],
    ] as const)
      server.run(["ip6tables-nft", "-A", chain, "-p", "icmpv6", "--icmpv6-type", type, "-j", "ACCEPT"])
  }
  function open(): void {
    for (const tool of ["iptables-nft", "ip6tables-nft"]) {
      for (const chain of ["INPUT", "OUTPUT"]) server.run([tool, "-P", chain, "ACCEPT"])
      server.run([tool, "-F"])
    }
  }
  function reset(): void {
    open()
    client.run(["iptables-nft", "-F"])
    responder.hears = () => true
    responder.act = () => ({ verdict: "alive" })
    responder.heard.splice(0)
    responder.acted.splice(0)
  }
  return { lab, server, client, path, secret, responder, linkLocal, lockout, open, reset }
}
