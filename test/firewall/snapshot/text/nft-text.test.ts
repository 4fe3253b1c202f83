import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { canonicalTable } from "../../../../src/firewall/snapshot/text/nft-canonical.ts"
import {
  chainText,
  isDormant,
  isOwned,
  type NftTableText,
  parseListing,
  parseRuleset,
  renderTable,
} from "../../../../src/firewall/snapshot/text/nft-text.ts"

const listing = `table inet fw { # progname nft
	flags dormant,owner
	comment "a { brace"

	counter c {
		packets 5 bytes 77
	}

	quota q {
		over 100 mbytes used 3 kbytes
	}

	ct helper ftp {
		type "ftp" protocol tcp
		l3proto inet
	}

	set s {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.7,
			     192.0.2.9 counter packets 4 bytes 5 comment "a, b } c" }
	}

	set d {
		type ipv4_addr
		flags dynamic,timeout
		timeout 1h
		elements = { 10.0.0.1 timeout 2h expires 29m59s588ms }
	}

	chain in {
		comment "base"
		type filter hook input priority filter; policy drop;
		tcp dport { 22, 80 } counter packets 9 bytes 10 accept comment "} {"
		tcp dport 8 jump {
			counter packets 1 bytes 2 accept
			tcp sport 1 drop
		}
		tcp dport 5 counter packets 0 bytes 0 XT target REDIRECT not found

	}
}
table ip6 empty {
}
`

describe("a listing of nft", () => {
  it("is taken apart into tables, parts and rules", () => {
    const [fw, empty, ...rest] = parseRuleset(`# Warning: table ip x is managed by iptables-nft\n${listing}`)
    expect(rest).toEqual([])
    expect(empty).toEqual({ family: "ip6", name: "empty", attributes: [], blocks: [] })
    expect(fw?.attributes).toEqual(["flags dormant,owner", 'comment "a { brace"'])
    expect(fw?.blocks.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "counter c",
      "quota q",
      "ct helper ftp",
      "set s",
      "set d",
      "chain in",
    ])
    const chain = fw?.blocks.find((block) => block.kind === "chain")
    expect(chain && chainText(chain)).toEqual({
      declaration: ['\t\tcomment "base"', "\t\ttype filter hook input priority filter; policy drop;"],
      rules: [
        'tcp dport { 22, 80 } counter packets 9 bytes 10 accept comment "} {"',
        "tcp dport 8 jump {\n\t\t\tcounter packets 1 bytes 2 accept\n\t\t\ttcp sport 1 drop\n\t\t}",
        "tcp dport 5 counter packets 0 bytes 0 XT target REDIRECT not found",
      ],
    })
    expect(fw && [isDormant(fw), isOwned(fw)]).toEqual([true, true])
    expect(empty && [isDormant(empty), isOwned(empty)]).toEqual([false, false])
  })

  it("comes back from its text", () => {
    for (const table of parseRuleset(listing)) expect(parseRuleset(renderTable(table))).toEqual([table])
  })

  it("comes back from its text, whatever its names and lines are", () => {
    const word = fc.stringMatching(/^[a-zA-Z][\w-]{0,8}$/)
    const block = fc.record({
      kind: fc.constantFrom("chain", "set", "map", "ct helper", "flowtable"),
      name: word,
      lines: fc.array(word.map((text) => `\t\t${text}`)),
    })
    const table = fc.record({
      family: fc.constantFrom("ip", "inet", "netdev"),
      name: word,
      attributes: fc.constantFrom([], ["flags dormant"], ['comment "x {"']),
      blocks: fc.array(block),
    })
    fc.assert(
      fc.property(fc.array(table), (tables) => {
        expect(parseRuleset(tables.map(renderTable).join(""))).toEqual(tables)
      }),
    )
  })
})

describe("two tables are the same", () => {
  const table = (...blocks: [kind: string, name: string, ...lines: string[]][]): NftTableText => ({
    family: "ip",
    name: "t",
    attributes: [],
    blocks: blocks.map(([kind, name, ...lines]) => ({
      kind,
      name,
      lines: lines.map((line) => `\t\t${line}`),
    })),
  })
  const same = (a: NftTableText, b: NftTableText, moving: "exact" | "ignored"): boolean =>
    JSON.stringify(canonicalTable(a, moving)) === JSON.stringify(canonicalTable(b, moving))

  it.each([
    ["chains in another order", table(["chain", "a"], ["chain", "b"]), table(["chain", "b"], ["chain", "a"])],
    [
      "elements in another order",
      table(["set", "s", "elements = { 1.1.1.1, 2.2.2.2,", "  3.3.3.3 }"]),
      table(["set", "s", "elements = { 3.3.3.3, 1.1.1.1, 2.2.2.2 }"]),
    ],
    [
      "anonymous sets in another order",
      table(["chain", "a", "tcp dport { 22, 80 } ip saddr { 1.1.1.1, 2.2.2.2 } accept"]),
      table(["chain", "a", "tcp dport { 80, 22 } ip saddr { 2.2.2.2, 1.1.1.1 } accept"]),
    ],
    [
      "remaining times",
      table(["set", "s", "elements = { 1.1.1.1 expires 5s10ms }"]),
      table(["set", "s", "elements = { 1.1.1.1 expires 4s }"]),
    ],
  ])("but for %s", (_, a, b) => {
    expect(same(a, b, "exact")).toBe(true)
  })

  it.each([
    [
      "rules in another order",
      table(["chain", "a", "accept", "drop"]),
      table(["chain", "a", "drop", "accept"]),
    ],
    [
      "a policy",
      table(["chain", "a", "type filter hook input priority filter; policy drop;"]),
      table(["chain", "a", "type filter hook input priority filter; policy accept;"]),
    ],
    [
      "a comma in a comment",
      table(["set", "s", 'elements = { 1.1.1.1 comment "a, b" }']),
      table(["set", "s", 'elements = { 1.1.1.1 comment "b, a" }']),
    ],
    [
      "an element",
      table(["set", "s", "elements = { 1.1.1.1 }"]),
      table(["set", "s", "elements = { 1.1.1.2 }"]),
    ],
    ["a part", table(["chain", "a"]), table()],
  ])("not with other %s", (_, a, b) => {
    expect(same(a, b, "ignored")).toBe(false)
  })

  it.each([
    ["counters of rules", "chain", "counter packets 1 bytes 2 accept", "counter packets 3 bytes 4 accept"],
    ["used quotas", "quota", "over 25 mbytes used 3 kbytes", "over 25 mbytes"],
    [
      "elements that packets add",
      "set",
      "flags dynamic elements = { 1.1.1.1 }",
      "flags dynamic elements = { 2.2.2.2 }",
    ],
  ])("with other %s only when what moves is ignored", (_, kind, a, b) => {
    expect(same(table([kind, "x", a]), table([kind, "x", b]), "ignored")).toBe(true)
    expect(same(table([kind, "x", a]), table([kind, "x", b]), "exact")).toBe(false)
  })

  it("is no listing when it is cut off anywhere in a table, or when something else speaks", () => {
    const [first] = parseRuleset(listing)
    const whole = renderTable(first as NftTableText)
    expect(parseListing(`# Warning: do not touch\n${whole}\n`)).toEqual({ tables: [first] })
    // Without its last line end it is whole still.
    for (let at = 1; at < whole.length - 1; at++)
      expect(parseListing(whole.slice(0, at)).broken).toBeDefined()
    expect(parseListing("lorem ipsum\n")).toEqual({ tables: [], broken: 'it prints "lorem ipsum"' })
    expect(parseListing(`${whole}Segmentation fault\n`).broken).toMatch(/Segmentation/)
  })
})
