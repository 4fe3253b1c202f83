import { describe, expect, it } from "vitest"
import { portTranslations } from "../../../src/firewall/obstacles/port-translation.ts"
import { ruleTexts } from "../../../src/firewall/obstacles/rule-texts.ts"
import { parseRuleset } from "../../../src/firewall/snapshot/text/nft-text.ts"
import { parseSave } from "../../../src/firewall/snapshot/text/save-text.ts"

const login = { ports: [22, 2222], addresses: new Set(["192.0.2.1", "2001:db8::1"]) }

function ofSave(...rules: string[]): string[] {
  const sections = parseSave(["*nat", ":PREROUTING ACCEPT [0:0]", ...rules, "COMMIT", ""].join("\n"))
  const legacyTables = sections.map((section) => ({ backend: "iptables-legacy" as const, section }))
  return portTranslations(ruleTexts({ nftTables: [], legacyTables }), login).map(({ where }) => where)
}

function ofNft(...rules: string[]): string[] {
  const text = [
    "table inet x {",
    "\tchain pre {",
    "\t\ttype nat hook prerouting priority dstnat; policy accept;",
    ...rules.map((rule) => `\t\t${rule}`),
    "\t}",
    "\tchain other {",
    "\t\tredirect to :9",
    "\t}",
    "}",
    "",
  ].join("\n")
  const nftTables = parseRuleset(text).map((listed) => ({
    ...{
      family: listed.family,
      name: listed.name,
      listed,
      saved: undefined,
      xtRules: {},
      view: "nft" as const,
    },
    owned: false,
  }))
  return portTranslations(ruleTexts({ nftTables, legacyTables: [] }), login).map(({ where }) => where)
}

describe("rules in nat that can carry a login elsewhere", () => {
  it.each([
    "-A PREROUTING -p tcp -m tcp --dport 22 -j REDIRECT --to-ports 9",
    "[3:180] -A PREROUTING -p tcp -m multiport --dports 21,2200:2300 -j DNAT --to-destination 10.0.0.2",
    "-A PREROUTING -d 192.0.2.1/32 -i eth0 -j DNAT --to-destination 10.0.0.2",
    "-A PREROUTING -p tcp -m tcp ! --dport 80 -j DNAT --to-destination 10.0.0.2",
    "-A PREROUTING -d 10.0.0.0/8 -j NETMAP --to 10.1.0.0/16",
  ])("can: %s", (rule) => expect(ofSave(rule)).toHaveLength(1))

  it.each([
    "-A PREROUTING -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 9",
    "-A PREROUTING -p udp -m udp --dport 22 -j REDIRECT --to-ports 9",
    "-A PREROUTING -d 10.96.0.1/32 -p tcp -j DNAT --to-destination 10.0.0.2",
    '-A PREROUTING -m comment --comment "-j DNAT" -j ACCEPT',
    "-A OUTPUT -p tcp -m tcp --dport 22 -j REDIRECT --to-ports 9",
    "-A PREROUTING -p tcp -m tcp --dport 22 -j ACCEPT",
  ])("cannot: %s", (rule) => expect(ofSave(rule)).toEqual([]))

  it("through the jumps of Docker and of kube-proxy, as far as their matches let a login come", () => {
    const docker = [
      "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
      "-A DOCKER -i docker0 -j RETURN",
      "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
    ]
    const kube = [
      "-A PREROUTING -j KUBE-SERVICES",
      "-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-A",
      "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
      "-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-SVC-A",
      "-A KUBE-SVC-A -j KUBE-SEP-A",
      "-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:80",
    ]
    expect([ofSave(...docker), ofSave(...kube)]).toEqual([[], []])
    const open = "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 22 -j DNAT --to-destination 172.17.0.3:22"
    expect(ofSave(...docker, open)).toEqual([
      expect.stringMatching(/^iptables-legacy nat DOCKER: .*172.17.0.3:22$/),
    ])
  })

  it.each([
    "tcp dport 22 redirect to :9",
    "tcp dport { 22, 80 } counter packets 1 bytes 60 redirect to :9",
    "tcp dport 1-100 dnat ip to 10.0.0.2:22",
    "tcp dport @ports redirect to :9",
    "dnat ip to tcp dport map { 22 : 10.0.0.2, 80 : 10.0.0.3 }",
    "ip daddr 192.0.2.1 dnat to 10.0.0.2",
    'iifname "eth0" jump other',
    "tcp dport vmap { 22 : jump other }",
  ])("of nft, can: %s", (rule) => expect(ofNft(rule)).toHaveLength(1))

  it.each([
    "tcp dport 80 redirect to :9",
    "udp dport 22 redirect to :9",
    "meta l4proto udp redirect to :9",
    "tcp dport vmap { 80 : jump other }",
    "dnat ip to tcp dport map { 80 : 10.0.0.3 }",
    "ip daddr 203.0.113.9 dnat to 10.0.0.2",
    'tcp dport 22 counter packets 0 bytes 0 accept comment "redirect"',
  ])("of nft, cannot: %s", (rule) => expect(ofNft(rule)).toEqual([]))
})
