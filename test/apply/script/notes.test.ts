import { describe, expect, it } from "vitest"
import type { ScriptCall } from "../../../src/apply/script/calls.ts"
import { notesOf } from "../../../src/apply/script/notes.ts"
import { kindOf } from "../../../src/apply/script/wrappers.ts"

const call = (line: string): ScriptCall => {
  const [name = "", ...args] = line.split(" ")
  const kind = kindOf(name)
  if (kind === undefined) throw new Error(`${name} is not wrapped`)
  return { kind, name, args, exitCode: 0, pid: "1", piped: false, said: "", given: undefined }
}

describe("the things a script does that are no rules", () => {
  it.each([
    ["ip rule add fwmark 1 lookup 100", /rely on it/],
    ["ip -6 route add local ::/0 dev lo table 100", /rely on it/],
    ["ip link set eth0 mtu 1400", /rely on it/],
    ["ip -n x addr flush dev eth0", /rely on it/],
    ["tc qdisc add dev eth0 root tbf rate 1mbit burst 32kbit latency 400ms", /rely on it/],
    ["route add default gw 192.0.2.254", /rely on it/],
    ["conntrack -D -p tcp --orig-port-dst 8080", /go on as they are/],
    ["conntrack -F", /go on as they are/],
    ["ipvsadm -A -t 192.0.2.1:80 -s rr", /go on as they are/],
    ["firewall-cmd --permanent --add-port=22/tcp", /rules of its own/],
    ["ufw allow 22", /rules of its own/],
    ["systemctl restart nginx", /services/],
    ["modprobe ip_conntrack_ftp", /modules/],
  ])("%s is said", (line, reason) => {
    expect(notesOf([call(line), call(line)], [], 0)).toEqual([expect.stringMatching(reason)])
    expect(notesOf([call(line)], [], 0)[0]?.startsWith(`${line.split(" ")[0]} `)).toBe(true)
  })

  it.each([
    "ip route show",
    "ip -4 -o addr show dev eth0",
    "ip addr",
    "ip -j link",
    "ip route get 192.0.2.1",
    "tc qdisc show dev eth0",
    "tc -s class list dev eth0",
    "route -n",
    "ifconfig eth0",
    "conntrack -L",
    "ipvsadm -Ln",
    "firewall-cmd --state",
    "ufw status verbose",
    "systemctl is-active docker",
  ])("%s only asks", (line) => {
    expect(notesOf([call(line)], [], 0)).toEqual([])
  })
})
