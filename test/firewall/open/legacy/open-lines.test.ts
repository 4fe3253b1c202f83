import { describe, expect, it } from "vitest"
import {
  legacyOpenLines,
  legacySettleLines,
  legacyWouldSettle,
  section,
} from "../../../../src/firewall/open/legacy/open-lines.ts"
import { judgeLegacy, parseLegacyRules } from "../../../../src/firewall/open/legacy/rules.ts"

const mangle = parseLegacyRules(`-P PREROUTING DROP
-P INPUT ACCEPT
-P FORWARD ACCEPT
-P OUTPUT ACCEPT
-P POSTROUTING ACCEPT
-N marks
-A PREROUTING -j ACCEPT
-A PREROUTING -m comment --comment "a -j DROP inside" -j marks
-A PREROUTING -j MARK --set-xmark 0x1/0xffffffff
-A marks -p tcp -j NFQUEUE --queue-num 0
-A marks -j DROP
-A marks -j TARPIT
-A marks -j MARK --set-xmark 0x2/0xffffffff
`)

describe("the lines that open a legacy table", () => {
  it("put an accept at the head of every chain, and leave nat out", () => {
    expect(section("raw", legacyOpenLines("raw"))).toBe(
      "*raw\n-I PREROUTING -j ACCEPT\n-I OUTPUT -j ACCEPT\nCOMMIT\n",
    )
    expect(legacyOpenLines("nat")).toEqual([])
  })

  it("take away what can drop in a marking table, and what is behind it, and our own accept", () => {
    expect(legacySettleLines("mangle", mangle, 1)).toEqual([
      ":PREROUTING ACCEPT [0:0]",
      "-D PREROUTING -j ACCEPT",
      "-D marks -p tcp -j NFQUEUE --queue-num 0",
      "-D marks -j DROP",
      "-D marks -j TARPIT",
    ])
  })

  it("flush filter's own chains only", () => {
    const filter = parseLegacyRules(`-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-N own
-A INPUT -j own\n-A own -j DROP\n`)
    expect(legacySettleLines("filter", filter, 0)).toEqual([":INPUT ACCEPT [0:0]", "-F INPUT"])
  })

  it("never take away more accepts than are ours", () => {
    const raw = parseLegacyRules("-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n-A OUTPUT -j ACCEPT\n")
    expect(legacySettleLines("raw", raw, 1)).toEqual(["-D OUTPUT -j ACCEPT"])
    expect(legacySettleLines("raw", raw, 0)).toEqual([])
    expect(legacyWouldSettle("raw", raw, 1)).toBe(false)
  })
})

describe("what can become of a packet in a legacy chain", () => {
  it("follows jumps and gotos, and reads no target inside of a comment", () => {
    const table = parseLegacyRules(`-P INPUT DROP\n-N one\n-N two
-A INPUT -m comment --comment "-j DROP" -j one
-A INPUT -j ACCEPT
-A one -p udp -g two
-A two -j RETURN
`)
    expect(judgeLegacy(table, "INPUT")).toEqual({ dropping: [], meetsPolicy: false })
    const goto = parseLegacyRules(
      "-P INPUT DROP\n-N one\n-A INPUT -g one\n-A INPUT -j ACCEPT\n-A one -p tcp -j REJECT\n",
    )
    expect(judgeLegacy(goto, "INPUT")).toEqual({ dropping: ["-A one -p tcp -j REJECT"], meetsPolicy: true })
  })
})
