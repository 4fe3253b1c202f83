import { type Host, Lab } from "../../support/lab/lab.ts"
import { UserLink } from "../../support/lab/user-link.ts"

/** A kind of link between a server, 192.0.2.1 and 2001:db8::1, and a client, .2 and ::2. */
export interface LinkKind {
  readonly name: string
  readonly join: (lab: Lab, server: Host, client: Host) => void | Promise<void>
}

const serverAddresses = ["192.0.2.1/24", "2001:db8::1/64"]
const clientAddresses = ["192.0.2.2/24", "2001:db8::2/64"]

const address = (host: Host, device: string): string =>
  host.sh(serverAddresses.map((cidr) => `ip address add ${cidr} dev ${device} nodad`).join("; "))

export const linkKinds: readonly LinkKind[] = [
  {
    name: "veth",
    join: (lab, server, client) => lab.join(server, "eth0", serverAddresses, client, "eth0", clientAddresses),
  },
  {
    name: "a bridge, by its port",
    join(lab, server, client) {
      lab.join(server, "port0", [], client, "eth0", clientAddresses)
      server.sh("ip link add br0 type bridge; ip link set port0 master br0; ip link set br0 up")
      address(server, "br0")
    },
  },
  {
    name: "macvlan",
    join(lab, server, client) {
      lab.join(server, "eth0", [], client, "eth0", clientAddresses)
      server.sh("ip link add mv0 link eth0 type macvlan mode bridge; ip link set mv0 up")
      address(server, "mv0")
    },
  },
  {
    name: "tun",
    async join(_lab, server, client) {
      await UserLink.join(
        "tun",
        { host: server, device: "tun0", addresses: serverAddresses },
        { host: client, device: "tun0", addresses: clientAddresses },
      )
    },
  },
]

/** Two hosts joined by this kind of link. */
export function hostsFor(): { lab: Lab; server: Host; client: Host } {
  const lab = new Lab()
  return { lab, server: lab.host("server"), client: lab.host("client") }
}
