/**
 * Rulesets that an undo has to bring back, each as a shell script for an empty namespace with the devices eth0 and eth1
 * (down, so that no packet moves a counter). Counters are set, so that losing them shows.
 */
export interface Ruleset {
  readonly name: string
  readonly script: string
}

const families = (commands: string): string =>
  ["iptables", "ip6tables"].map((family) => commands.replaceAll("IPT", family)).join("\n")

export const rulesets: readonly Ruleset[] = [
  { name: "nothing at all", script: "true" },
  {
    name: "iptables-nft filter, both families, policies, own chains",
    script: families(`
      IPT-nft -N ssh; IPT-nft -N zone; IPT-nft -N area
      IPT-nft -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT -c 11 1100
      IPT-nft -A INPUT -p tcp --dport 22 -j ssh -c 7 420
      IPT-nft -A ssh -i eth+ -m comment --comment 'a "quoted" comment' -j ACCEPT -c 6 360
      IPT-nft -A ssh -j LOG --log-prefix 'ssh -c 1 2 : '
      IPT-nft -A zone -g area
      IPT-nft -P INPUT DROP; IPT-nft -P FORWARD DROP`),
  },
  {
    name: "iptables-nft mangle, raw, security and nat",
    script: families(`
      IPT-nft -t mangle -A PREROUTING -p udp -j MARK --set-mark 0x5 -c 3 300
      IPT-nft -t mangle -A PREROUTING -i eth0 -j DROP -c 1 100
      IPT-nft -t raw -A PREROUTING -p tcp --dport 22 -j DROP -c 2 120
      IPT-nft -t security -A INPUT -j DROP -c 9 900
      IPT-nft -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080 -c 4 240
      IPT-nft -t nat -A POSTROUTING -o eth0 -j MASQUERADE -c 5 500`),
  },
  {
    name: "iptables-nft with set, recent, hashlimit, string and SET",
    script: `
      ipset create blocked hash:ip counters comment
      ipset add blocked 192.0.2.7 packets 3 bytes 4 comment 'a b'
      ipset create nets hash:net family inet6
      ipset add nets 2001:db8::/32
      ipset create all list:set
      ipset add all blocked
      iptables-nft -A INPUT -m set --match-set blocked src -j DROP -c 5 6
      iptables-nft -A INPUT -m set --match-set all src -j DROP
      ip6tables-nft -A INPUT -m set --match-set nets src -j DROP
      iptables-nft -A INPUT -p tcp --syn -j SET --add-set blocked src -c 1 60
      iptables-nft -A INPUT -p tcp --dport 22 -m recent --name ssh --update --seconds 60 --hitcount 4 -j DROP -c 8 480
      iptables-nft -A INPUT -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name pings -j DROP
      iptables-nft -A INPUT -m string --string 'reset -c 1' --algo bm -j LOG --log-prefix 'x "y" '
      iptables-nft -P INPUT DROP`,
  },
  {
    name: "iptables-legacy, both families, all tables",
    script: families(`
      IPT-legacy -N ssh
      IPT-legacy -A INPUT -p tcp --dport 22 -j ssh -c 7 420
      IPT-legacy -A ssh -m recent --name old --set -j ACCEPT -c 6 360
      IPT-legacy -A INPUT -m hashlimit --hashlimit-above 5/sec --hashlimit-name legacy -j DROP
      IPT-legacy -P INPUT DROP
      IPT-legacy -t raw -A PREROUTING -p tcp --dport 23 -j DROP -c 2 120
      IPT-legacy -t mangle -A PREROUTING -p udp -j MARK --set-mark 0x5 -c 3 300
      IPT-legacy -t security -A INPUT -j DROP -c 9 900
      IPT-legacy -t nat -A POSTROUTING -o eth0 -j MASQUERADE -c 5 500`),
  },
  {
    name: "iptables-legacy with ipset",
    script: `
      ipset create old hash:net,port timeout 600
      ipset add old 192.0.2.0/24,tcp:22 timeout 500
      iptables-legacy -A INPUT -m set --match-set old src,dst -j DROP -c 5 6
      iptables-legacy -P INPUT DROP`,
  },
  {
    name: "arptables-legacy and arptables-nft",
    script: `
      arptables-legacy -N own
      arptables-legacy -A INPUT -s 192.0.2.7 -j own -c 3 84
      arptables-legacy -A own ! -i eth0 --source-mac 02:00:00:00:00:01 -j DROP
      arptables-legacy -A OUTPUT -j mangle --mangle-ip-s 192.0.2.9
      arptables-legacy -P INPUT DROP
      arptables-nft -A INPUT -s 192.0.2.7 -j DROP -c 5 140
      arptables-nft -A OUTPUT -j mangle --mangle-ip-s 192.0.2.9 -c 1 28
      arptables-nft -P OUTPUT DROP`,
  },
  {
    name: "ebtables-nft",
    script: `
      ebtables-nft -A INPUT -p IPv4 --ip-src 192.0.2.7 -j DROP -c 5 7
      ebtables-nft -N own -P RETURN
      ebtables-nft -A FORWARD -s 02:00:00:00:00:01 -j mark --mark-set 5 --mark-target ACCEPT
      ebtables-nft -A FORWARD --limit 5/s -j own
      ebtables-nft -P FORWARD DROP
      ebtables-nft -t nat -A POSTROUTING -j snat --to-src 02:00:00:00:00:02`,
  },
  {
    name: "native nft inet with sets, maps, vmaps, counters, quotas and jump chains",
    script: `cat >"$FILE" <<'RULES'
table inet fw {
	comment "the { firewall"
	counter ssh { packets 5 bytes 300 }
	quota daily { over 25 mbytes used 3 kbytes }
	limit slow { rate 10/second burst 20 packets }
	synproxy proxy { mss 1460; wscale 7; timestamp sack-perm; }
	ct helper ftp { type "ftp" protocol tcp; }
	set seen { type ipv4_addr; flags dynamic,timeout; timeout 1h; size 1000; elements = { 192.0.2.7 timeout 2h expires 90m } }
	set nets { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.7 } }
	set counted { type ipv4_addr; counter; elements = { 192.0.2.9 counter packets 4 bytes 5 comment "a, b } c" } }
	set pairs { type ipv4_addr . inet_service; flags interval; elements = { 192.0.2.0/24 . 80-90, 192.0.2.4 . 22 } }
	map doors { type inet_service : verdict; elements = { 22 : jump ssh, 23 : drop, 80 : accept } }
	map marks { type ipv4_addr : mark; elements = { 192.0.2.1 : 0x5 } }
	chain deep { counter packets 1 bytes 60 drop comment "three deep"; }
	chain ssh { tcp flags & (fin|syn|rst|ack) == syn counter name ssh jump deep; }
	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iif lo accept
		iifname "eth*" tcp dport { 443, 80, 1000-2000 } counter packets 9 bytes 540 accept
		tcp dport vmap @doors
		ip saddr @seen quota name daily drop
		ip saddr . tcp dport @pairs accept
		meta mark set ip saddr map @marks
		limit name slow accept
		tcp dport 21 ct helper set "ftp"
		tcp dport 8 jump {
			counter packets 2 bytes 80 accept
			tcp sport 1 drop
		}
		update @seen { ip saddr timeout 1m }
		quota over 5 kbytes used 100 bytes drop
	}
	chain forward { type filter hook forward priority filter + 5; policy drop; }
}
RULES
      nft -f "$FILE"`,
  },
  {
    name: "native nft ip, ip6, arp, bridge, netdev ingress and egress, inet ingress, dormant",
    script: `cat >"$FILE" <<'RULES'
table ip early {
	chain pre {
		type filter hook prerouting priority raw; policy accept;
		tcp dport 22 counter packets 3 bytes 180 drop
	}
}
table ip6 six {
	set bad { type ipv6_addr; elements = { 2001:db8::7, 2001:db8::9 }; }
	chain in {
		type filter hook input priority 0; policy drop;
		ip6 saddr @bad drop
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
	}
}
table arp a {
	chain in {
		type filter hook input priority 0; policy drop;
		arp operation request counter packets 1 bytes 28 accept
	}
}
table bridge br {
	chain between {
		type filter hook forward priority 0; policy drop;
		ether saddr 02:00:00:00:00:01 accept
	}
}
table netdev nd {
	chain in {
		type filter hook ingress device "eth0" priority -500; policy drop;
		ip saddr 192.0.2.2 counter packets 2 bytes 84 accept
	}
	chain out {
		type filter hook egress device "eth1" priority 0; policy accept;
		ip daddr 192.0.2.2 drop
	}
}
table inet edge {
	chain in {
		type filter hook ingress devices = { eth0, eth1 } priority 0; policy accept;
		ip saddr 192.0.2.3 drop
	}
}
table inet asleep {
	flags dormant
	chain in {
		type filter hook input priority 0; policy drop;
	}
}
table ip routes {
	chain out {
		type route hook output priority mangle
		tcp dport 22 meta mark set 0x7
	}
}
RULES
      nft -f "$FILE"`,
  },
  {
    name: "native nft table that holds nat too",
    script: `
      nft add table ip gate
      nft 'add map ip gate targets { type inet_service : ipv4_addr . inet_service ; elements = { 80 : 10.0.0.1 . 8080 } ; }'
      nft 'add chain ip gate pre { type nat hook prerouting priority dstnat ; }'
      nft 'add rule ip gate pre dnat ip addr . port to tcp dport map @targets'
      nft 'add chain ip gate post { type nat hook postrouting priority srcnat ; }'
      nft 'add rule ip gate post oifname "eth0" counter packets 4 bytes 400 masquerade random'
      nft 'add chain ip gate in { type filter hook input priority 0 ; policy drop ; }'
      nft 'add rule ip gate in tcp dport 22 counter packets 5 bytes 300 drop'`,
  },
  {
    name: "legacy and nft mixed: iptables-nft, iptables-legacy and a native table",
    script: `
      iptables-nft -A INPUT -p tcp --dport 22 -m recent --name both --set -j ACCEPT -c 1 60
      iptables-nft -P INPUT DROP
      iptables-legacy -A INPUT -p tcp --dport 22 -j ACCEPT -c 2 120
      iptables-legacy -P INPUT DROP
      nft add table inet own
      nft 'add chain inet own in { type filter hook input priority 10 ; policy drop ; }'
      nft 'add rule inet own in tcp dport { 22, 80 } counter packets 3 bytes 180 accept'`,
  },
  {
    name: "an iptables-nft table with native rules, sets and chains in it",
    script: `
      ipset create own hash:ip
      iptables-nft -A INPUT -m set --match-set own src -j DROP -c 1 60
      nft 'add rule ip filter INPUT tcp dport { 80, 443 } counter packets 2 bytes 120 accept'
      iptables-nft -A INPUT -m hashlimit --hashlimit-above 5/sec --hashlimit-name mixed -j DROP -c 3 180
      nft 'add rule ip filter INPUT meta l4proto udp accept'
      nft 'insert rule ip filter INPUT meta l4proto icmp accept'
      nft 'add set ip filter held { type ipv4_addr ; elements = { 192.0.2.7 } ; }'
      nft 'add chain ip filter later { type filter hook input priority 10 ; policy drop ; }'
      iptables-nft -N own; iptables-nft -A own -j LOG --log-prefix 'own ' -c 4 240
      iptables-nft -A INPUT -m string --string abc --algo bm -j own
      iptables-nft -P INPUT DROP`,
  },
]

/** "Flush and accept all", for the tables that are there, as an open leaves it. */
export const openByHand = `
  nft flush ruleset
  for family in ip ip6; do
    case $family in ip) tool=iptables-legacy ;; ip6) tool=ip6tables-legacy ;; esac
    for table in $(cat /proc/net/"$family"_tables_names); do
      for chain in PREROUTING INPUT FORWARD OUTPUT POSTROUTING; do
        $tool -t $table -P $chain ACCEPT 2>/dev/null || true
      done
      $tool -t $table -F
      $tool -t $table -X
    done
  done
  if grep -q filter /proc/net/arp_tables_names; then
    for chain in INPUT OUTPUT; do arptables-legacy -P $chain ACCEPT; done
    arptables-legacy -F
    arptables-legacy -X
  fi
  # nf_tables lets go of the sets of deleted rules a moment later.
  for try in 1 2 3 4 5 6 7 8 9; do
    for set in $(ipset -n list); do ipset destroy $set 2>/dev/null || true; done
    test -z "$(ipset -n list)" && break
    sleep 0.05
  done
`
