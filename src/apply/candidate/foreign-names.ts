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
  /^CROWDSEC/,
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
  /^(lxd|incus)$/,
  /^crowdsec6?(-|$)/,
  /^wg-quick-/,
]

/** IP sets that these programs make. */
const setNames = [
  /^KUBE-/,
  /^cali[46]0/,
  /^f2b-/,
  /^fail2ban-/,
  /^sshguard[46]$/,
  /^weave-/,
  /^cilium/,
  /^crowdsec6?-/,
]

/**
 * The rules that programs write into the built-in chains themselves, besides the jumps to their chains. Docker: out of a bridge,
 * between its containers, their masquerading, and what keeps others from their addresses; its bridges are docker0, docker_gwbridge
 * and br-ID. Others say in a comment whose the rule is, or ask a set of theirs.
 */
const bridge = "(?:docker0|docker_gwbridge|br-[0-9a-f]{12})"
const looseRules = [
  new RegExp(`^-A FORWARD -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT$`),
  new RegExp(`^-A FORWARD -i (${bridge}) (! )?-o \\1 -j (ACCEPT|DROP)$`),
  new RegExp(`^-A POSTROUTING -s \\S+ ! -o ${bridge} -j MASQUERADE$`),
  /^-A POSTROUTING -s (\S+) -d \1 -p (tcp|udp|sctp) -m \2 --dport \d+ -j MASQUERADE$/,
  new RegExp(`^-A PREROUTING -d \\S+ ! -i ${bridge}( .*)? -j DROP$`),
  /^-A PREROUTING -d 127\.0\.0\.\d+\/32 ! -i lo -p (tcp|udp|sctp) -m \1 --dport \d+ -j DROP$/,
  / --comment "?(wg-quick\(8\) rule for |generated for (LXD|Incus|Docker)\b|cali:|flanneld |kubernetes |ufw-docker)/,
  / --match-set (f2b-|fail2ban-|sshguard[46]|crowdsec6?-|KUBE-|cali[46]0)/,
  // libvirt, where it writes no chains of its own
  /^-A (INPUT|FORWARD|OUTPUT|POSTROUTING) (.* )?(-i|-o) virbr\d+ .*-j (ACCEPT|REJECT|CHECKSUM)/,
  /^-A POSTROUTING -s (\S+) (! -d \1( .*)? -j MASQUERADE --to-ports 1024-65535|-d (224\.0\.0\.0\/24|255\.255\.255\.255\/32) -j RETURN)$/,
  /^-A POSTROUTING -s (192\.168\.122\.0\/24) ! -d \1 -j MASQUERADE$/,
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
