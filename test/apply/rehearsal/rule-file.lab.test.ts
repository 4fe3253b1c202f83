import { spawnSync } from "node:child_process"
import { afterAll, describe, expect, it } from "vitest"
import { independentView } from "../../support/firewall/independent-views.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { matrix } from "../../support/matrix.ts"
import { inputOf, machineIn, refusalOf, rehearseOn, rulesOf } from "../../support/rehearsing.ts"
import { badFiles, badFileText } from "./bad-files.ts"

if (labUnavailable) process.stderr.write(`skipped: rehearsal of rule files: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("the rehearsal of a rule file", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const host = machineIn(lab)
  if (!labUnavailable) host.sh("iptables-nft -A INPUT -s 203.0.113.5 -j DROP")
  const legacy = machineIn(lab, "legacy")

  it.each(matrix(badFiles, 3))("refuses what --test lets through: $what", async (bad) => {
    const { text, line } = badFileText(bad)
    const tested = spawnSync("unshare", ["-n", "iptables-nft-restore", "--test"], { input: text })
    expect(tested.status).toBe(0)
    const before = independentView(host)
    const input = inputOf(lab, text)
    const refused = await refusalOf(host, input)
    expect(refused.code).toBe("refused")
    expect(refused.message).toMatch(new RegExp(`^${input.name}:${line}: `))
    expect(independentView(host)).toBe(before)
  })

  it("finds the line among many where the legacy tools name only COMMIT", async () => {
    const good = Array.from({ length: 50 }, (_, index) => `-A INPUT -s 198.51.100.${index} -j DROP`)
    const rules = [...good.slice(0, 30), "-A INPUT -j MASQUERADE", ...good.slice(30)]
    const text = `#!/bin/sh\niptables-legacy-restore <<X\n*filter\n${rules.join("\n")}\nCOMMIT\nX\n`
    const refused = await refusalOf(legacy, inputOf(lab, text))
    expect(refused.message).toMatch(/:2: "iptables-legacy-restore", line 32 .*"-A INPUT -j MASQUERADE"/)
    expect(refused.generated).toBe(`*filter\n${rules.join("\n")}\nCOMMIT\n`)
  })

  it("loads an ip6tables-save file with ip6tables, and names its chains", async () => {
    const text =
      "*filter\n:INPUT DROP [0:0]\n:mine - [0:0]\n-A INPUT -s 2001:db8:9::/48 -j mine\n-A mine -j ACCEPT\nCOMMIT\n"
    const done = await rehearseOn(host, inputOf(lab, text))
    expect(rulesOf(done, "ip6")).toEqual(["-A INPUT -s 2001:db8:9::/48 -j mine", "-A mine -j ACCEPT"])
    expect(rulesOf(done, "ip")).toEqual(["-A INPUT -s 203.0.113.5/32 -j DROP"])
    expect(done.words.named).toEqual(new Set(["ip6 filter INPUT", "ip6 filter mine"]))
    await done.close()
  })

  it.each([
    ["rules.v6", "-A INPUT -p icmpv6 -j ACCEPT", "ip6"],
    ["rules.v4", '-A INPUT -p icmp -m comment --comment "the ipv6-icmp part is in rules.v6" -j ACCEPT', "ip"],
    ["block-all.v6", "-A INPUT -i lo -j ACCEPT", "ip6"],
  ] as const)(
    "loads %s into the family that it is of, and leaves the other alone",
    async (name, rule, family) => {
      const input = inputOf(
        lab,
        `*filter\n:INPUT DROP [0:0]\n${rule}\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n`,
      )
      const done = await rehearseOn(host, { ...input, name })
      expect(rulesOf(done, family)).toEqual(
        [rule, "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"].map((one) =>
          one.replace("icmpv6", "ipv6-icmp"),
        ),
      )
      expect(rulesOf(done, family === "ip" ? "ip6" : "ip")).toEqual(
        family === "ip" ? [] : ["-A INPUT -s 203.0.113.5/32 -j DROP"],
      )
      await done.close()
    },
  )

  it("loads a file of ipset save: sets that are there get its elements, new ones come, others stay", async () => {
    const busy = machineIn(lab, "with-sets")
    busy.sh(
      `ipset create used hash:ip; ipset add used 192.0.2.1; ipset create other hash:ip; ipset add other 192.0.2.2
       iptables-nft -A INPUT -m set --match-set used src -j DROP`,
    )
    const input = inputOf(
      lab,
      'create used hash:ip family inet\nadd used 192.0.2.9\ncreate "we ird" hash:net\nadd "we ird" 192.0.2.0/24\n',
    )
    const done = await rehearseOn(busy, input)
    expect(done.result.ipsets.map(({ name, elements }) => [name, elements])).toEqual([
      ["used", ["192.0.2.9"]],
      ["other", ["192.0.2.2"]],
      ["we ird", ["192.0.2.0/24"]],
    ])
    expect(done.words.named).toEqual(new Set(["ipset used", "ipset we ird"]))
    await done.close()
    const refused = await refusalOf(
      busy,
      inputOf(lab, "create fine hash:ip\nadd fine 192.0.2.1\nadd fine nonsense\n"),
    )
    expect(refused.message).toMatch(/:3: "add fine nonsense": /)
  })

  it("refuses a parameter of 1024 characters with its line", async () => {
    const rule = `-A INPUT -m comment --comment "${"x".repeat(1024)}" -j ACCEPT`
    const input = inputOf(lab, `*filter\n-A INPUT -s 192.0.2.1 -j ACCEPT\n${rule}\nCOMMIT\n`)
    const refused = await refusalOf(host, input)
    expect(refused.message).toMatch(new RegExp(`^${input.name}:3: `))
    expect(refused.message).toMatch(/Parameter too long/)
  })

  it("runs an nft script, and refuses one with the line in nft's words", async () => {
    const good =
      "table inet gate {\n  chain in {\n    type filter hook input priority 0; policy drop;\n  }\n}\n"
    const done = await rehearseOn(host, inputOf(lab, good))
    expect(done.result.nftTables.map(({ family, name }) => `${family} ${name}`)).toEqual([
      "ip filter",
      "inet gate",
    ])
    expect(done.words.named).toEqual(new Set(["inet gate", "inet gate in"]))
    await done.close()
    const bad = inputOf(lab, "table inet gate {\n  chain in {\n    jump nowhere\n  }\n}\n")
    const refused = await refusalOf(host, bad)
    expect(refused.message).toMatch(new RegExp(`^${bad.name}:3: `))
    expect(refused.message).toMatch(/No such file or directory/)
  })
})
