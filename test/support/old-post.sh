#!/bin/sh
# The way many hosts got their rules: a function gathers lines, and a restore loads them at once.
IPTABLES=/sbin/iptables
RESTORE=/sbin/iptables-restore

$IPTABLES -F
$IPTABLES -P INPUT DROP

RULES="*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
"
addrule() {
  RULES="$RULES-A $*
"
}

addrule INPUT -i lo -j ACCEPT
addrule INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
addrule INPUT -m conntrack --ctstate INVALID -j DROP
for port in 22 80 443; do
  addrule INPUT -p tcp --dport "$port" -m conntrack --ctstate NEW -j ACCEPT
done
addrule INPUT -p icmp -j ACCEPT
addrule INPUT -p tcp -j LOG --log-prefix '"Denied TCP: "'
addrule INPUT -p udp -j LOG --log-prefix '"Denied UDP: "'
RULES="${RULES}COMMIT
"

if ! printf '%s' "$RULES" | $RESTORE -t; then
  echo "the rules are not fine:" >&2
  printf '%s' "$RULES" >&2
  exit 1
fi
printf '%s' "$RULES" | $RESTORE -v
