import { spawnSync } from "node:child_process"
import { afterAll, describe, expect, it } from "vitest"
import { independentView } from "../../support/firewall/independent-views.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { inputOf, machineIn, refusalOf, rehearseOn, rulesOf } from "../../support/rehearsing.ts"
import { badFiles, badFileText } from "./bad-files.ts"

if (labUnavailable) process.stderr.write(`skipped: rehearsal of rule files: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("the rehearsal of a rule file", () => {
  const lab = new Lab()
  afterAll(() => lab.close())
  const host = machineIn(lab)
  if (!labUnavailable) host.sh("iptables-nft -A INPUT -s 203.0.113.5 -j DROP")
  const legacy = machineIn(lab, "legacy")

  it.each(badFiles)("refuses what --test lets through: $what", async (bad) => {
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
    expect(done.named).toEqual(new Set(["ip6 filter INPUT", "ip6 filter mine"]))
    await done.close()
  })

  it("refuses a parameter of 1024 characters with its line", async () => {
    const rule = `-A INPUT -m comment --comment "${"x".repeat(1024)}" -j ACCEPT`
    const input = inputOf(lab, `*filter\n-A INPUT -j ACCEPT\n${rule}\nCOMMIT\n`)
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
    expect(done.named).toEqual(new Set(["inet gate in"]))
    await done.close()
    const bad = inputOf(lab, "table inet gate {\n  chain in {\n    jump nowhere\n  }\n}\n")
    const refused = await refusalOf(host, bad)
    expect(refused.message).toMatch(new RegExp(`^${bad.name}:3: `))
    expect(refused.message).toMatch(/No such file or directory/)
  })
})
