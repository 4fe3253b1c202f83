import { type Host, Lab } from "../../support/lab/lab.ts"

/** A server and a client with a router between them. The server is 198.51.100.1. */
export interface Routed {
  readonly lab: Lab
  readonly server: Host
  readonly router: Host
  readonly client: Host
}

export const routedServer = "198.51.100.1"

/** The client is 192.0.2.2 behind 192.0.2.1, the server 198.51.100.1 behind 198.51.100.2. */
export function routedHosts(): Routed {
  const lab = new Lab()
  const [server, router, client] = [lab.host("server"), lab.host("router"), lab.host("client")]
  lab.join(server, "eth0", [`${routedServer}/24`], router, "up0", ["198.51.100.2/24"])
  lab.join(client, "eth0", ["192.0.2.2/24"], router, "down0", ["192.0.2.1/24"])
  router.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
  client.run(["ip", "route", "add", "default", "via", "192.0.2.1"])
  server.run(["ip", "route", "add", "default", "via", "198.51.100.2"])
  return { lab, server, router, client }
}

/** The router loses half of the packets in each direction, at random. */
export function loseHalf(router: Host): void {
  for (const device of ["up0", "down0"])
    router.sh(`iptables-nft -A FORWARD -o ${device} -m statistic --mode random --probability 0.5 -j DROP`)
}

/** The router hides the client behind its own address, lets only new connections to tcp/22 through, and drops what is invalid. */
export function masquerade({ server, router }: Pick<Routed, "server" | "router">): void {
  server.run(["ip", "route", "del", "default"])
  router.run(["nft", "-f", "/dev/stdin"], {
    input: `table ip nat { chain post { type nat hook postrouting priority 100; oifname "up0" masquerade random; }; }
    table ip filter { chain forward { type filter hook forward priority 0; policy drop;
      ct state invalid counter drop; ct state established,related accept; iifname "down0" tcp dport 22 accept; }; }\n`,
  })
}

/** Rules that let no echo through, in front of all others: a router of the provider's, as far as fw-knock can tell. */
export const noEcho = `table inet quiet {
  chain in { type filter hook prerouting priority -300; icmp type { echo-request, echo-reply } drop; icmpv6 type { echo-request, echo-reply } drop; }
}\n`
