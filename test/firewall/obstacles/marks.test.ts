import { describe, expect, it } from "vitest"
import { markerOf, markRules } from "../../../src/firewall/obstacles/marks.ts"

const marked = (dialect: "iptables" | "nft", ...rules: string[]) =>
  markRules([{ where: "x", dialect, name: "mangle", chains: [{ name: "C", rules, declaration: "" }] }])

describe("the marks that rules give", () => {
  it.each([
    ["iptables", "-p tcp -j MARK --set-xmark 0x7/0xffffffff", [7], [8, 0x107]],
    ["iptables", "-j MARK --set-xmark 0x10/0xf0", [0x10, 0x110], [0x20]],
    ["iptables", "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff", [7, 8], []],
    ["iptables", "-p tcp -j TPROXY --on-port 9 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x1", [1], [2]],
    ["iptables", '-m comment --comment "-j MARK --set-xmark 0x7" -j ACCEPT', [], [7]],
    ["iptables", "-m mark --mark 0x7 -j RETURN", [], [7]],
    ["nft", "counter packets 0 bytes 0 meta mark set 0x00000007", [7], [8]],
    ["nft", "meta mark set meta mark & 0x000000ff | 0x00000700", [0x700], [0x800]],
    ["nft", "meta mark set ct mark", [7], []],
    ["nft", "meta mark 0x00000007 accept", [], [7]],
    ["nft", "ct mark set 0x00000007", [], [7]],
  ] as const)("%s: %s", (dialect, rule, can, cannot) => {
    const rules = marked(dialect, rule)
    for (const mark of can)
      expect(markerOf(rules, mark, 0xffff)).toMatchObject({ where: expect.stringContaining("x C:") })
    for (const mark of cannot) expect(markerOf(rules, mark, 0xffff)).toBeUndefined()
  })

  it("count only where they meet what a policy rule asks for", () => {
    const rules = marked("iptables", "-j MARK --set-xmark 0x80000/0xff0000")
    expect(markerOf(rules, 0x80000, 0xff0000)).toBeDefined()
    expect(markerOf(rules, 0x40000, 0xff0000)).toBeUndefined()
  })
})
