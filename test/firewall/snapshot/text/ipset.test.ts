import { describe, expect, it } from "vitest"
import {
  canonicalIpset,
  isSwappable,
  parseIpsets,
  renderIpsets,
  usesIpset,
  withQuotedSets,
} from "../../../../src/firewall/snapshot/text/ipset.ts"

const saved = `create all list:set size 8
create hosts hash:ip family inet hashsize 1024 maxelem 65536 timeout 50 bucketsize 12 initval 0x33487f53
add hosts 192.0.2.7 timeout 50 packets 4 bytes 5 comment "x y"
add hosts 192.0.2.8 timeout 12
add all hosts
create fw-watchdog-swap hash:ip family inet
add fw-watchdog-swap 192.0.2.9
`

describe("the text of ipset save", () => {
  const sets = parseIpsets(saved) ?? []

  it("is taken apart; a set that a cut-off restore left behind is not one", () => {
    expect(sets.map(({ name, elements }) => [name, elements])).toEqual([
      ["all", ["hosts"]],
      ["hosts", ['192.0.2.7 timeout 50 packets 4 bytes 5 comment "x y"', "192.0.2.8 timeout 12"]],
    ])
  })

  it("creates lists of sets last, and fills a set that is there beside itself", () => {
    const created = [...renderIpsets(sets, new Set()).matchAll(/^create (\S+)/gm)].map(([, name]) => name)
    expect(created).toEqual(["hosts", "all"])
    const hosts = sets.filter((set) => set.name === "hosts")
    expect(
      renderIpsets(hosts, new Set())
        .split("\n")
        .map((line) => line.split(" ").slice(0, 2).join(" ")),
    ).toEqual(["create hosts", "add hosts", "add hosts", ""])
    expect(renderIpsets(hosts, new Set(["hosts"]))).toMatch(
      /^create fw-watchdog-swap hash:ip .*\n(add fw-watchdog-swap .*\n){2}swap fw-watchdog-swap hosts\ndestroy fw-watchdog-swap\n$/,
    )
  })

  it("knows which sets can be swapped", () => {
    const set = (header: string) => ({ name: "s", header, elements: [] })
    expect(isSwappable(set("hash:ip family inet timeout 5"), set("hash:ip family inet maxelem 9"))).toBe(true)
    expect(isSwappable(set("hash:ip family inet"), set("hash:ip family inet6"))).toBe(false)
    expect(isSwappable(set("hash:ip family inet"), set("hash:net family inet"))).toBe(false)
  })

  it("compares content, not the kernel's own business", () => {
    const set = (elements: string[], extra = "") => ({
      name: "s",
      header: `hash:ip family inet${extra}`,
      elements,
    })
    const same = (a: ReturnType<typeof set>, b: ReturnType<typeof set>, moving: "exact" | "ignored") =>
      JSON.stringify(canonicalIpset(a, moving)) === JSON.stringify(canonicalIpset(b, moving))
    expect(
      same(
        set(["1", "2"], " hashsize 64 initval 0x1"),
        set(["2", "1"], " hashsize 128 initval 0x2"),
        "exact",
      ),
    ).toBe(true)
    expect(same(set(["1 packets 1 bytes 2"]), set(["1 packets 3 bytes 4"]), "ignored")).toBe(true)
    expect(same(set(["1 packets 1 bytes 2"]), set(["1 packets 3 bytes 4"]), "exact")).toBe(false)
    expect(same(set(["1"]), set(["2"]), "ignored")).toBe(false)
    // Elements of a set with a timeout go by themselves.
    expect(same(set(["1 timeout 5"], " timeout 9"), set([], " timeout 9"), "ignored")).toBe(true)
  })

  it("finds the rules that use a set", () => {
    const names = new Set(["hosts"])
    expect(usesIpset("-A INPUT -m set --match-set hosts src -j DROP", names)).toBe(true)
    expect(
      usesIpset("-A INPUT -m set ! --match-set other,x src -m set --match-set hosts src,dst", names),
    ).toBe(true)
    expect(usesIpset("-A INPUT -j SET --add-set hosts src", names)).toBe(true)
    expect(usesIpset("-A INPUT -m set --match-set hosts2 src -j DROP", names)).toBe(false)
    expect(usesIpset('-A INPUT -m comment --comment "hosts" -j DROP', names)).toBe(false)
  })

  it("has names without quotes, whatever is in them; they get quotes where they are read back", () => {
    const [odd, plain] =
      parseIpsets(
        'create we ird hash:ip family inet\nadd we ird 192.0.2.7 comment "a b"\ncreate we hash:net family inet\nadd we 192.0.2.0/24\n',
      ) ?? []
    expect(odd).toMatchObject({ name: "we ird", elements: ['192.0.2.7 comment "a b"'] })
    expect(plain).toMatchObject({ name: "we", elements: ["192.0.2.0/24"] })
    if (odd === undefined || plain === undefined) throw new Error("not read")
    expect(renderIpsets([odd], new Set())).toMatch(/^create "we ird" hash:ip .*\nadd "we ird" 192.0.2.7/)
    expect(renderIpsets([odd], new Set(["we ird"]))).toMatch(/swap fw-watchdog-swap "we ird"/)
    const rules = [
      "-A INPUT -m set --match-set we ird src -j DROP",
      "-A INPUT -m set --match-set we src -j DROP",
      '-A INPUT -m comment --comment "we ird" -j DROP',
    ]
    const quoted = withQuotedSets({ table: "filter", chains: [], rules }, [odd, plain]).rules
    expect(quoted).toEqual(['-A INPUT -m set --match-set "we ird" src -j DROP', rules[1], rules[2]])
    expect(quoted.map((rule) => usesIpset(rule, new Set(["we ird"])))).toEqual([true, false, false])
  })

  it("is none when it is cut off in a line, or when something else speaks", () => {
    const whole = "create s hash:ip family inet\nadd s 192.0.2.7\n"
    expect(parseIpsets(whole)).toHaveLength(1)
    for (let at = 1; at < whole.length; at++)
      if (whole[at - 1] !== "\n") expect(parseIpsets(whole.slice(0, at)), whole.slice(0, at)).toBeUndefined()
    expect(parseIpsets("lorem ipsum\n")).toBeUndefined()
    expect(parseIpsets("add gone 192.0.2.7\n")).toBeUndefined()
  })
})
