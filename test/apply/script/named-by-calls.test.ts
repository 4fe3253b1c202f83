import { describe, expect, it } from "vitest"
import { namedByCalls } from "../../../src/apply/script/named-by-calls.ts"
import { failedCall } from "../../support/script-call.ts"

describe("the chains that a script names", () => {
  it("are those that its commands change by name", () => {
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
    ]
    const named = namedByCalls(calls, (name) => name.includes("legacy"))
    expect([...named]).toEqual([
      "ip filter DOCKER",
      "ip6 nat PREROUTING",
      "legacy ip filter old",
      "ip filter FORWARD",
      "ip filter DOCKER-USER",
      "ip mangle OUTPUT",
      "ip mangle f2b-x",
      "inet gate in",
    ])
  })
})
