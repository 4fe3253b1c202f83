#!/bin/bash
# The old recipe as it is handed around, ngrep's output line by line (-l) as its manual says for pipes. It is told its
# text; `iptables` is whatever the machine's is.
text=$1
ngrep -l -d eth0 "$text" icmp | while read -r _; do
  iptables -P INPUT ACCEPT
  iptables -P FORWARD ACCEPT
  iptables -P OUTPUT ACCEPT
  iptables -F
done
