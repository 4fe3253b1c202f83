import { describe, expect, it } from "vitest"
import { isPlainScript } from "../../../src/apply/script-plain.ts"

const folders = new Set(["/usr/sbin"])
const both = (text: string): boolean[] =>
  (["dash", "bash"] as const).map((shell) => isPlainScript(text, shell, folders))

describe("a script that cannot tell a function from a program", () => {
  it.each([
    "iptables -F\nfor p in 22 80; do iptables -A INPUT -p tcp --dport $p -j ACCEPT; done",
    "# command -v iptables, eval, set -x\niptables -A INPUT -p icmp --icmp-type 8 -j ACCEPT",
    "ipset create s hash:ip; iptables -A INPUT -m addrtype --dst-type LOCAL -j ACCEPT",
    "set -eu; iptables -C INPUT -j DROP || iptables -A INPUT -j DROP",
    "trap 'echo end' EXIT; iptables -F",
    "IPT=/sbin/iptables\n$IPT -F",
    "IPT=$(which iptables)\nIPT6=`which ip6tables`; $IPT -F",
    "PATH=/sbin:/usr/sbin:/bin\nexport PATH\niptables -F",
    'export PATH="/usr/local/sbin:$PATH"\niptables -F',
    "nft add chain ip x in '{ type filter hook input priority 0; }'",
    "./other-script; iptables -F",
  ])("is %j", (text) => {
    expect(both(text)).toEqual([true, true])
  })

  it.each([
    "IPT=$(command -v iptables)",
    "if ! type iptables >/dev/null; then exit 1; fi",
    "hash iptables || exit 1",
    ". /etc/default/firewall",
    "iptables -F; . ./lib.sh",
    "case $1 in start) . /lib/lsb/init-functions ;; esac",
    "case $1 in a) type iptables ;; esac",
    "source lib.sh",
    'eval "$rules"',
    "set -x\niptables -F",
    "set -ex",
    "set -o xtrace",
    "trap 'echo line' ERR",
    'log "line $LINENO"',
    "PATH=/opt/fw/bin:$PATH",
    "PATH=/bin\niptables -F",
    'PATH="$HOME/bin"',
    "unset PATH",
    "for PATH in /opt; do iptables -F; done",
    "printf() { echo; }",
    "function read { echo; }",
    "declare -F iptables",
    "pidof -x rules.sh && exit 1",
    "set -o posix",
  ])("is not %j", (text) => {
    expect(both(text)).toEqual([false, false])
  })

  it.each([
    "LC_ALL=C iptables -F",
    'A="b c" iptables -F',
    "A=$(id -u) iptables -F",
    "A=$(which b) iptables -F",
    "X=1 $IPT -F",
  ])("is in bash only %j", (text) => {
    expect(both(text)).toEqual([false, true])
  })
})
