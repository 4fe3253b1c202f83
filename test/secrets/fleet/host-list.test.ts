import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseHostList } from "../../../src/secrets/fleet/host-list.ts"

describe("a host list", () => {
  it("is read as pssh reads one", () => {
    const text =
      "\uFEFF# web\r\nweb1\n\n  ada@web2:2222  # the second\nweb3 bob\n[2001:db8::1]:22 eve\n192.0.2.1\nWeb5.example.\n2001:db8::2"
    expect(parseHostList(text)).toEqual({
      hosts: [
        { host: "web1", typed: "web1", line: 2 },
        { user: "ada", host: "web2", port: 2222, typed: "ada@web2:2222", line: 4 },
        { user: "bob", host: "web3", typed: "bob@web3", line: 5 },
        { user: "eve", host: "2001:db8::1", port: 22, typed: "eve@[2001:db8::1]:22", line: 6 },
        { host: "192.0.2.1", typed: "192.0.2.1", line: 7 },
        { host: "Web5.example.", typed: "Web5.example.", line: 8 },
        { host: "2001:db8::2", typed: "2001:db8::2", line: 9 },
      ],
      bad: [],
    })
  })

  it.each([
    ["-oProxyCommand=x", "is not a host"],
    ["web1:", "is none, a port"],
    ["web1:99999", "is none, a port"],
    ["web1 ada more", "more than a host and a user"],
    ["ada@web1 bob", "two users"],
    ["web1 -x", "no user is named"],
    ["@web", "no user is named"],
    ["../x", "is not a host"],
  ])("names the line of %j, and reads on", (line, words) => {
    const { hosts, bad } = parseHostList(`web1\n${line}\nweb2\n`)
    expect(hosts.map(({ host }) => host)).toEqual(["web1", "web2"])
    expect(bad).toEqual([{ line: 2, problem: expect.stringContaining(words) }])
  })

  it("takes every line for a host, for none, or for nothing, and throws at no text", () => {
    const word = fc.stringMatching(/^[a-z0-9@:.#[\] -]{0,12}$/)
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string())), (lines) => {
        const text = lines.join("\n")
        const { hosts, bad } = parseHostList(text)
        const told = [...hosts, ...bad].map(({ line }) => line)
        expect(new Set(told).size).toBe(told.length)
        const all = text.replace(/^\uFEFF/, "").split("\n")
        for (const [index, line] of all.entries())
          if (/^\s*(#|$)/.test(line)) expect(told).not.toContain(index + 1)
          else expect(told).toContain(index + 1)
      }),
    )
  })

  it("reads back what it would type", () => {
    const host = fc.constantFrom("web1", "web-2.example", "192.0.2.1", "[2001:db8::1]")
    const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined })
    fc.assert(
      fc.property(host, port, fc.constantFrom("", "ada"), (name, number, user) => {
        const [one] = parseHostList(`${name}${number === undefined ? "" : `:${number}`} ${user}`).hosts
        const [again] = parseHostList(one?.typed ?? "").hosts
        expect(again).toEqual(one)
      }),
    )
  })
})
