import { expect, it } from "vitest"
import { parseTrace } from "../../../src/apply/lockout/by-trace.ts"

it("a trace of nft is events, with the rule's handle and whether it ended there", () => {
  const text = `trace id 94ef7cea ip filter INPUT packet: iif "lo" ip saddr 127.0.0.1 tcp sport 50488 tcp dport 22
trace id 94ef7cea ip filter INPUT rule counter packets 0 bytes 0 jump foo # handle 5 (verdict jump foo)
trace id 94ef7cea ip filter foo rule tcp dport 22  counter packets 0 bytes 0 drop # handle 4 (verdict drop)
trace id 6cf8f594 ip filter INPUT policy drop `
  expect(parseTrace(text).map(({ chain, kind, handle, dropped }) => [chain, kind, handle, dropped])).toEqual([
    ["INPUT", "packet", undefined, false],
    ["INPUT", "rule", 5, false],
    ["foo", "rule", 4, true],
    ["INPUT", "policy", undefined, true],
  ])
})
