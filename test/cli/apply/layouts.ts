/** The rules that a program makes, as its own tools do it, and the names that have to stay. */
export interface Layout {
  readonly name: string
  readonly setup: string
  readonly kept: readonly string[]
}

const perBridge = (table: string, bridge: string): string => `nft -f - <<'NFT'
table inet ${table} {
	chain pstrt.${bridge} {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.53.1.0/24 ip daddr != 10.53.1.0/24 masquerade
	}
	chain fwd.${bridge} {
		type filter hook forward priority filter; policy accept;
		ip version 4 oifname "${bridge}" accept
		ip version 4 iifname "${bridge}" accept
	}
	chain in.${bridge} {
		type filter hook input priority filter; policy accept;
		iifname "${bridge}" tcp dport 53 accept
		iifname "${bridge}" udp dport { 53, 67 } accept
	}
}
NFT`

/** Layouts of programs that write rules of their own beside the operator's. */
export const layouts: readonly Layout[] = [
  {
    name: "Docker",
    setup: `
iptables -t nat -N DOCKER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
for chain in DOCKER DOCKER-USER DOCKER-FORWARD DOCKER-CT DOCKER-BRIDGE; do iptables -N $chain; done
iptables -A FORWARD -j DOCKER-USER
iptables -A FORWARD -j DOCKER-FORWARD
iptables -A DOCKER-FORWARD -j DOCKER-CT
iptables -A DOCKER-FORWARD -j DOCKER-BRIDGE
iptables -A DOCKER-FORWARD -i docker0 -j ACCEPT
iptables -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A DOCKER-BRIDGE -o docker0 -j DOCKER
iptables -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT
iptables -A DOCKER ! -i docker0 -o docker0 -j DROP
iptables -t raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
iptables -t raw -A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp --dport 8443 -j DROP`,
    kept: [
      ...["DOCKER-USER", "DOCKER-FORWARD", "DOCKER-CT", "DOCKER-BRIDGE", "DOCKER"].map(
        (chain) => `ip filter ${chain}`,
      ),
      "ip nat DOCKER",
      "ip nat POSTROUTING",
      "ip raw PREROUTING",
    ],
  },
  {
    name: "Kubernetes",
    setup: `
for chain in KUBE-FIREWALL KUBE-FORWARD KUBE-SERVICES KUBE-EXTERNAL-SERVICES; do iptables -N $chain; done
iptables -I INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
iptables -A INPUT -j KUBE-FIREWALL
iptables -I FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
iptables -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
iptables -A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
iptables -t nat -N KUBE-SERVICES
iptables -t nat -N KUBE-SVC-NPX46M4PTMTKRN6Y
iptables -t nat -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
iptables -t nat -A KUBE-SERVICES -d 10.96.0.1/32 -p tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
ip6tables -N KUBE-FORWARD
ip6tables -A FORWARD -j KUBE-FORWARD
ip6tables -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP`,
    kept: [
      "ip filter KUBE-FIREWALL",
      "ip filter KUBE-FORWARD",
      "ip filter KUBE-EXTERNAL-SERVICES",
      "ip nat KUBE-SERVICES",
      "ip nat KUBE-SVC-NPX46M4PTMTKRN6Y",
      "ip6 filter KUBE-FORWARD",
    ],
  },
  {
    name: "Calico",
    setup: `
ipset create cali40all-ipam-pools hash:net
ipset add cali40all-ipam-pools 10.244.0.0/16
iptables -N cali-INPUT
iptables -N cali-FORWARD
iptables -A cali-INPUT -m comment --comment "cali:FewJpBykm9iJ-YNH" -i cali+ -j ACCEPT
iptables -A cali-FORWARD -m comment --comment "cali:vjrMJCRpqwy5oRoX" -j MARK --set-xmark 0x0/0xe0000
iptables -I INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT
iptables -I FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
iptables -A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m comment --comment "Policy explicitly accepted packet." -m mark --mark 0x10000/0x10000 -j ACCEPT
iptables -t nat -N cali-POSTROUTING
iptables -t nat -I POSTROUTING -m comment --comment "cali:O3lYWMrLQYEMJtB5" -j cali-POSTROUTING
iptables -t nat -A cali-POSTROUTING -m comment --comment "cali:flqWnvo8yq4ULQLa" -m set --match-set cali40all-ipam-pools src -j MASQUERADE
iptables -t raw -N cali-PREROUTING
iptables -t raw -I PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-PREROUTING
iptables -t raw -A cali-PREROUTING -m comment --comment "cali:XFX5xbM8B9qR10JG" -j MARK --set-xmark 0x0/0xf0000`,
    kept: [
      "ip filter cali-INPUT",
      "ip filter cali-FORWARD",
      "ip filter FORWARD",
      "ip nat cali-POSTROUTING",
      "ip raw cali-PREROUTING",
    ],
  },
  {
    name: "fail2ban",
    setup: `
iptables -N f2b-sshd
iptables -A f2b-sshd -j RETURN
iptables -I INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
iptables -I f2b-sshd -s 192.0.2.66 -j REJECT --reject-with icmp-port-unreachable
ipset create f2b-recidive hash:ip timeout 0
ipset add f2b-recidive 192.0.2.67
iptables -I INPUT -p tcp -m set --match-set f2b-recidive src -j REJECT --reject-with icmp-port-unreachable
nft -f - <<'NFT'
table inet f2b-table {
	set addr-set-sshd {
		type ipv4_addr
		elements = { 192.0.2.68 }
	}
	chain f2b-chain {
		type filter hook input priority filter - 1; policy accept;
		tcp dport 22 ip saddr @addr-set-sshd reject
	}
}
NFT`,
    kept: ["ip filter f2b-sshd", "ip filter INPUT", "inet f2b-table"],
  },
  {
    name: "CrowdSec",
    setup: `
ipset create crowdsec-blacklists-0 hash:net timeout 300
iptables -N CROWDSEC_CHAIN
iptables -I INPUT -j CROWDSEC_CHAIN
iptables -A CROWDSEC_CHAIN -m set --match-set crowdsec-blacklists-0 src -j DROP
nft -f - <<'NFT'
table ip crowdsec {
	set crowdsec-blacklists {
		type ipv4_addr
		flags timeout
	}
	chain crowdsec-chain-input {
		type filter hook input priority filter - 10; policy accept;
		ip saddr @crowdsec-blacklists drop
	}
}
table ip6 crowdsec6 {
	set crowdsec6-blacklists {
		type ipv6_addr
		flags timeout
	}
	chain crowdsec6-chain-input {
		type filter hook input priority filter - 10; policy accept;
		ip6 saddr @crowdsec6-blacklists drop
	}
}
NFT`,
    kept: ["ip filter CROWDSEC_CHAIN", "ip crowdsec", "ip6 crowdsec6"],
  },
  {
    name: "LXD",
    setup: `${perBridge("lxd", "lxdbr0")}
iptables -I INPUT -i lxdbr1 -p tcp --dport 53 -m comment --comment "generated for LXD network lxdbr1" -j ACCEPT
iptables -t nat -I POSTROUTING -s 10.54.1.0/24 ! -d 10.54.1.0/24 -m comment --comment "generated for LXD network lxdbr1" -j MASQUERADE`,
    kept: ["inet lxd", "ip filter INPUT", "ip nat POSTROUTING"],
  },
  {
    name: "Incus",
    setup: perBridge("incus", "incusbr0"),
    kept: ["inet incus"],
  },
  {
    name: "libvirt",
    setup: `
for chain in LIBVIRT_INP LIBVIRT_FWO LIBVIRT_FWI; do iptables -N $chain; done
iptables -I INPUT -j LIBVIRT_INP
iptables -I FORWARD -j LIBVIRT_FWI
iptables -A LIBVIRT_INP -i virbr0 -p udp --dport 53 -j ACCEPT
iptables -A LIBVIRT_FWI -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -t nat -N LIBVIRT_PRT
iptables -t nat -A POSTROUTING -j LIBVIRT_PRT
iptables -t nat -A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE
iptables -A FORWARD -i virbr1 -o virbr1 -j ACCEPT
iptables -A FORWARD -o virbr1 -j REJECT --reject-with icmp-port-unreachable
iptables -t nat -A POSTROUTING -s 192.168.100.0/24 ! -d 192.168.100.0/24 -p tcp -j MASQUERADE --to-ports 1024-65535
nft -f - <<'NFT'
table ip libvirt_network {
	chain forward {
		type filter hook forward priority filter; policy accept;
		iif "lo" counter accept
	}
}
NFT`,
    kept: ["ip filter LIBVIRT_INP", "ip filter LIBVIRT_FWI", "ip nat LIBVIRT_PRT", "ip libvirt_network"],
  },
  {
    name: "wg-quick",
    setup: `
iptables -t raw -A PREROUTING ! -i wg0 -d 10.9.0.2/32 -m addrtype ! --src-type LOCAL -m comment --comment "wg-quick(8) rule for wg0" -j DROP
iptables -t mangle -A POSTROUTING -m mark --mark 0xca6c -p udp -m comment --comment "wg-quick(8) rule for wg0" -j CONNMARK --save-mark
iptables -t mangle -A PREROUTING -p udp -m comment --comment "wg-quick(8) rule for wg0" -j CONNMARK --restore-mark
nft -f - <<'NFT'
table ip wg-quick-wg1 {
	chain preraw {
		type filter hook prerouting priority raw; policy accept;
		iifname != "wg1" ip daddr 10.9.0.3 fib saddr type != local drop
	}
	chain premangle {
		type filter hook prerouting priority mangle; policy accept;
		meta l4proto udp meta mark set ct mark
	}
}
NFT`,
    kept: ["ip raw PREROUTING", "ip mangle POSTROUTING", "ip mangle PREROUTING", "ip wg-quick-wg1"],
  },
  {
    name: "a program that nobody knows",
    setup: `
iptables -N edgeguard
iptables -I INPUT -j edgeguard
iptables -A edgeguard -s 192.0.2.99 -j DROP
iptables -t nat -N edgeguard-nat
ipset create edgeguard hash:ip
ipset add edgeguard 192.0.2.98
nft -f - <<'NFT'
table netdev edgeguard {
	chain c {
		comment "no hook"
		ip saddr 192.0.2.97 drop
	}
}
table inet edgeguard {
	set seen { type ipv4_addr; }
	chain c {
		type filter hook input priority 5; policy accept;
		ip saddr @seen drop
	}
}
NFT`,
    kept: ["ip filter edgeguard", "ip nat edgeguard-nat", "netdev edgeguard", "inet edgeguard"],
  },
]
