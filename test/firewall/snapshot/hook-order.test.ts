import { describe, expect, it } from "vitest"
import { parseHooks, registeredChains, sharedPlaces } from "../../../src/firewall/snapshot/hook-order.ts"
import type { NftTableCopy } from "../../../src/firewall/snapshot/nft-table.ts"
import { parseRuleset } from "../../../src/firewall/snapshot/text/nft-text.ts"

const tables = (text: string): NftTableCopy[] =>
  parseRuleset(text).map((listed) => ({
    family: listed.family,
    name: listed.name,
    listed,
    saved: undefined,
    xtRules: {},
    view: "nft",
    owned: false,
  }))

const chain = (name: string, declaration: string): string => `\tchain ${name} {\n\t\t${declaration}\n\t}\n`
const input = (priority: string): string => `type filter hook input priority ${priority}; policy accept;`

describe("the order of base chains", () => {
  it("counts where chains of several tables run at one place, whatever their family is called", () => {
    const nftTables = tables(
      `table ip filter {\n${chain("INPUT", input("filter"))}${chain("FORWARD", "type filter hook forward priority filter; policy drop;")}}\n` +
        `table inet fw {\n${chain("in", input("0"))}${chain("late", input("filter + 5"))}}\n` +
        `table ip6 filter {\n${chain("INPUT", input("filter"))}}\n` +
        `table inet asleep {\n\tflags dormant\n${chain("in", input("filter"))}}\n` +
        `table ip n {\n${chain("p", "type nat hook input priority filter; policy accept;")}}\n`,
    )
    expect([...sharedPlaces(registeredChains({ nftTables }))]).toEqual([
      ["ip input 0", ["ip filter INPUT", "inet fw in"]],
      ["ip6 input 0", ["inet fw in", "ip6 filter INPUT"]],
    ])
  })

  it("is what the kernel says, where it says it, turned round: the first to run was registered last", () => {
    const hooks = parseHooks(
      [
        "family ip {",
        "\thook prerouting {",
        "\t\t-0000000400 ipv4_conntrack_defrag [nf_defrag_ipv4]",
        "\t\t-0000000300 chain ip raw PREROUTING [nf_tables]",
        "\t}",
        "\thook input {",
        "\t\t 0000000000 chain ip filter INPUT [nf_tables]",
        "\t\t 0000000000 chain inet fw in [nf_tables]",
        "\t\t+0000000100 nf_nat_ipv4_local_in [nf_nat]",
        "\t}",
        "}",
        "",
      ].join("\n"),
    )
    expect(hooks).toEqual({
      "ip prerouting -300": ["ip raw PREROUTING"],
      "ip input 0": ["inet fw in", "ip filter INPUT"],
    })
    const nftTables = tables(
      `table ip filter {\n${chain("INPUT", input("filter"))}}\ntable inet fw {\n${chain("in", input("filter"))}}\n`,
    )
    expect(registeredChains({ nftTables, hooks }).get("ip input 0")).toEqual([
      "inet fw in",
      "ip filter INPUT",
    ])
    expect(registeredChains({ nftTables }).get("ip input 0")).toEqual(["ip filter INPUT", "inet fw in"])
  })
})
