import { expect, it } from "vitest"
import type { Opened } from "../../../src/firewall/open/contract.ts"
import { beforeOpen, withoutNewAccepts } from "../../../src/firewall/open/rules-before-open.ts"
import type { Snapshot } from "../../../src/firewall/snapshot/snapshot.ts"

const filterOf = (...rules: readonly string[]): Snapshot => ({
  version: 1,
  takenAtMs: 0,
  reason: "test",
  ipsets: [],
  nftTables: [],
  legacyTables: [
    {
      backend: "iptables-legacy",
      section: {
        table: "filter",
        chains: [":INPUT DROP [0:0]", ":FORWARD ACCEPT [0:0]", ":own - [0:0]"],
        rules: rules.map((rule) => `[0:0] -A ${rule}`),
      },
    },
  ],
  unread: [],
})
const opened = (times: number): Opened => ({
  asleep: [],
  mark: "ours",
  legacyAccepts: new Array<string>(times).fill("iptables-legacy filter"),
})
const ours = "INPUT -j ACCEPT"
const rest = ["INPUT -s 192.0.2.9/32 -j DROP", "INPUT -j ACCEPT", "own -j ACCEPT"]

it("a snapshot between opens is without as many accepts as there were opens, and keeps everybody else's", () => {
  expect(beforeOpen(filterOf(...rest), opened(0))).toEqual(filterOf(...rest))
  // What the policies had counted is gone by then.
  const uncounted = ["iptables-legacy filter"]
  expect(beforeOpen(filterOf(ours, ...rest), opened(1))).toEqual({ ...filterOf(...rest), uncounted })
  expect(beforeOpen(filterOf(ours, ours, ...rest), opened(2))).toEqual({ ...filterOf(...rest), uncounted })
  expect(beforeOpen(filterOf(ours, ours), opened(1))).toEqual({ ...filterOf(ours), uncounted })
  // Somebody flushed the chain in between.
  expect(beforeOpen(filterOf(...rest), opened(2))).toEqual({ ...filterOf(...rest), uncounted })
})

it("what opens left that were cut off goes, though a chain ends in an accept, and what was there at arming stays", () => {
  const arming = filterOf(...rest)
  expect(withoutNewAccepts(filterOf(ours, ...rest), arming)).toEqual(arming)
  expect(withoutNewAccepts(filterOf(ours, ours, ...rest), arming)).toEqual(arming)
  expect(withoutNewAccepts(filterOf(ours, ours), filterOf(ours))).toEqual(filterOf(ours))
  expect(withoutNewAccepts(filterOf(ours), undefined)).toEqual(filterOf())
})
