/**
 * Names that other programs make rules under. What they made belongs to them: they write it when they start or when a
 * container does, and do not look again, so a script that flushes it breaks them until they are restarted.
 */
const chainNames = [
  /^DOCKER($|[-_])/, // moby, daemon/libnetwork
  /^KUBE-/, // kube-proxy, kubelet
  /^cali[-:]/, // Calico (felix)
  /^CILIUM_/,
  /^WEAVE/,
  /^FLANNEL-/,
  /^CNI-/, // the portmap, firewall and bridge plugins
  /^NETAVARK/, // podman
  /^LIBVIRT_/,
  /^ISTIO_/,
  /^f2b-/, // fail2ban
  /^fail2ban-/,
  /^sshguard$/,
  /^ufw6?-docker/,
  /^ts-(input|forward|postrouting)$/, // tailscale
]

/** nft tables that are wholly another program's, by name and whatever their family. */
const tableNames = [
  /^docker(-bridges|-user)?$/,
  /^kube-proxy$/,
  /^calico$/,
  /^cilium/,
  /^firewalld$/,
  /^libvirt_network$/,
  /^f2b-/,
  /^sshguard$/,
  /^netavark$/,
  /^cni_/,
]

/** IP sets that these programs make. */
const setNames = [/^KUBE-/, /^cali[46]0/, /^f2b-/, /^fail2ban-/, /^sshguard[46]$/, /^weave-/, /^cilium/]

/**
 * The rules that Docker writes into the built-in chains itself, besides its jumps: out of a bridge, between its
 * containers, and their masquerading. The bridges are docker0 and br-ID.
 */
const bridge = "(?:docker0|docker_gwbridge|br-[0-9a-f]{12})"
const looseRules = [
  new RegExp(`^-A FORWARD -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT$`),
  new RegExp(`^-A FORWARD -i (${bridge}) (! )?-o \\1 -j (ACCEPT|DROP)$`),
  new RegExp(`^-A POSTROUTING -s \\S+ ! -o ${bridge} -j MASQUERADE$`),
  /^-A POSTROUTING -s (\S+) -d \1 -p (tcp|udp|sctp) -m \2 --dport \d+ -j MASQUERADE$/,
]

/** Tells whether a chain of this name is another program's. */
export function isForeignChain(name: string): boolean {
  return chainNames.some((pattern) => pattern.test(name))
}

/** Tells whether an nft table of this name is another program's, with everything in it. */
export function isForeignTable(name: string): boolean {
  return tableNames.some((pattern) => pattern.test(name))
}

/** Tells whether an IP set of this name is another program's. */
export function isForeignSet(name: string): boolean {
  return setNames.some((pattern) => pattern.test(name))
}

/**
 * Tells whether another program writes this rule straight into a built-in chain.
 * @param rule a line of a save without its counters
 */
export function isForeignRule(rule: string): boolean {
  return looseRules.some((pattern) => pattern.test(rule))
}

/**
 * Tells whether a chain that another program makes is for the operator's rules: Docker makes it where it is missing,
 * and leaves it alone.
 */
export function isOperatorsChain(name: string): boolean {
  return name === "DOCKER-USER"
}
