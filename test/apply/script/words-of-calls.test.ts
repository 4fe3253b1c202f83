import { describe, expect, it } from "vitest"
import { wordsOfCalls } from "../../../src/apply/script/words-of-calls.ts"
import { failedCall } from "../../support/script-call.ts"

describe("the words of a script", () => {
  it("are what its commands change by name, and what they empty without", () => {
    const done = (words: string, given?: string) => failedCall(words, { exitCode: 0, given })
    const calls = [
      done("iptables -F"),
      done("iptables -F DOCKER"),
      done("ip6tables -w -t nat -A PREROUTING -j KUBE-SERVICES"),
      done("iptables-legacy -X old"),
      done("iptables -D FORWARD -j DOCKER-USER"),
      done("iptables -D FORWARD -j mine"),
      done("iptables -L shown"),
      done("iptables-restore -n", "*mangle\n:OUTPUT ACCEPT [0:0]\n[1:2] -A f2b-x -j DROP\n"),
      done("nft add rule inet gate in accept"),
      done("nft flush ruleset"),
      done("nft list table inet shown"),
      done("nft delete table inet old"),
      done("ipset -exist create blocked hash:ip"),
      done("ipset -F other"),
      done("ipset swap here there"),
      done("ipset destroy"),
      done("iptables-restore", "*nat\n-A PREROUTING -j RETURN\nCOMMIT\n"),
    ]
    const { named, emptied } = wordsOfCalls(calls, (name) => name.includes("legacy"))
    expect([...named]).toEqual([
      "ip filter DOCKER",
      "ip6 nat PREROUTING",
      "legacy ip filter old",
      "ip filter FORWARD",
      "ip filter DOCKER-USER",
      "ip filter mine",
      "ip mangle OUTPUT",
      "ip mangle f2b-x",
      "inet gate in",
      "inet old",
      "ipset blocked",
      "ipset other",
      "ipset here",
      "ipset there",
      "ip nat PREROUTING",
    ])
    expect([...emptied]).toEqual(["ip filter", "ip filter DOCKER", "nft", "inet old", "ipset", "ip nat"])
  })
})
