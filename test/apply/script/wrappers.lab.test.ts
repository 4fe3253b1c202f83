import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type MachineCopy, openMachineCopy } from "../../../src/apply/rehearsal/machine-copy.ts"
import { runScript } from "../../../src/apply/rehearsal/run-in-copy.ts"
import { commandLine, readCalls, type ScriptCall } from "../../../src/apply/script/calls.ts"
import { layWrappers, wrappedPrograms, wrapperFiles, wrappers } from "../../../src/apply/script/wrappers.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { firewallOf } from "../../support/firewall/lab-firewall.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { machineIn } from "../../support/rehearsing.ts"

if (labUnavailable) process.stderr.write(`skipped: wrappers in place of programs: ${labUnavailable}\n`)

/** What a script might tell a wrapper from the program by, and does not. Each begins without rules. */
const scripts: readonly (readonly [what: string, text: string])[] = [
  ["the exit code", "iptables -A INPUT -j nope; echo $?; iptables -A INPUT -j ACCEPT; echo $?; iptables -S"],
  ["set -e", "set -e\niptables -A INPUT -j ACCEPT\niptables -A INPUT -j nope\necho not here"],
  [
    "standard error put elsewhere",
    "iptables -A INPUT -j nope 2>&1 | sed 's/^/said: /'; iptables -j a 2>/dev/null",
  ],
  ["standard output put elsewhere", 'x=$(iptables -S INPUT; echo $?); echo "<$x>"; exec >&2; iptables -S'],
  [
    "descriptors that are shut",
    "iptables -S <&-; iptables -A INPUT -j ACCEPT >&-; iptables -A INPUT -j nope 2>&-; echo $?",
  ],
  [
    "a loop that reads",
    "printf '192.0.2.1\n192.0.2.2\n' | while read -r a; do iptables -A INPUT -s $a -j DROP; done\niptables -S INPUT",
  ],
  ["its standard input", 'iptables -N c\nread -r line; echo "<$line>"\n'],
  [
    "commands beside each other",
    "iptables -N one & iptables -N two & (iptables -N three) & wait; iptables -N four; iptables -S | sort",
  ],
  [
    "exec, env, xargs and sh -c",
    "env iptables -N a; echo -N b | xargs iptables; sh -c 'iptables -N c'; exec iptables -S",
  ],
  [
    "paths, and names with a dash",
    "I=/sbin/iptables; $I -N a && /usr/sbin/iptables-nft -N b\niptables-nft -A a -j b; $I -A a -j nope || echo $?; $I -S",
  ],
  [
    "every kind of word",
    `for word in 'a  b' '-n %s \\n *' '' '$HOME' "it's"; do iptables -A INPUT -m comment --comment "$word" -j ACCEPT; done; iptables -S`,
  ],
  [
    "set -u, set -f and an IFS of its own",
    "set -uf; IFS=0123456789/-; iptables -A INPUT -j ACCEPT; iptables -S INPUT",
  ],
  [
    "sets",
    "ipset create s hash:ip; ipset add s 192.0.2.1; ipset add s 192.0.2.1; echo $?; echo 'add s 192.0.2.2' | ipset restore; ipset test s 192.0.2.2; ipset list -n",
  ],
  [
    "nft, by words, by standard input and by a file",
    "nft add table ip x; echo 'add table ip y' | nft -f -; echo 'add table ip z' >/tmp/z; nft -f /tmp/z; nft list tables; nft delete table ip none",
  ],
  [
    "restores, by standard input and by a file",
    "printf '*filter\n-A INPUT -j DROP\nCOMMIT\n' >/tmp/r; iptables-restore -n </tmp/r; iptables-restore -n /tmp/r; echo '*none' | iptables-restore; echo $?; ip6tables-restore </tmp/r; iptables -S; ip6tables -S",
  ],
]

describe.skipIf(labUnavailable)("a script cannot tell the wrappers from the programs by", () => {
  const lab = new Lab()
  const host = machineIn(lab)
  const programs = wrappedPrograms()
  const copies: MachineCopy[] = []

  beforeAll(async () => {
    if (labUnavailable) return
    const deps = firewallOf(host)
    const replacements = wrappers(programs, false)
    copies.push(await openMachineCopy(deps, takeSnapshot(deps, "test"), undefined, replacements))
    copies.push(await openMachineCopy(deps, takeSnapshot(deps, "test"), undefined, []))
    for (const { files } of copies) mkdirSync(join(files.root, "tmp/scripts"), { recursive: true })
    for (const { files } of copies.slice(0, 1)) layWrappers(files, programs)
  })
  afterAll(async () => {
    for (const copy of copies) await copy.close()
    lab.close()
  })

  /** What the wrappers have written down of the last script, without what takes its rules away again. */
  function calls(): ScriptCall[] {
    const own = copies[0]?.files.own
    if (own === undefined) throw new Error("no copy")
    const all = readCalls(own)
    writeFileSync(join(own, wrapperFiles.calls), "")
    expect(all.slice(-2).map(commandLine)).toEqual(["nft flush ruleset", "ipset destroy"])
    return all.slice(0, -2)
  }

  /** A script's exit code and output in a copy, which has no rules afterwards. */
  async function run({ files }: MachineCopy, text: string) {
    const { system } = firewallOf(host)
    const out = (name: string): string => readFileSync(join(files.root, "tmp/scripts", name), "utf8")
    writeFileSync(join(files.root, "tmp/scripts/rules.sh"), text)
    const command = "cd /tmp/scripts && sh ./rules.sh >said 2>failed"
    const { exitCode } = await runScript(files, system, ["sh", "-c", command], {
      folder: "/tmp",
      timeoutMs: 20_000,
      environment: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      input: "a line\n",
    })
    const done = { exitCode, said: out("said"), failed: out("failed") }
    await files.runInside({ path: system.sh, args: ["-c", "nft flush ruleset; ipset destroy"] })
    return done
  }

  it.each(scripts)("%s", async (_, text) => {
    const [wrapped, plain] = copies
    if (wrapped === undefined || plain === undefined) throw new Error("no copies")
    expect(await run(wrapped, text)).toEqual(await run(plain, text))
    expect(calls().length).toBeGreaterThan(0)
  })

  it("which write down every call with what it said and was given", async () => {
    const [wrapped] = copies
    if (wrapped === undefined) throw new Error("no copy")
    const text = `iptables -N 'a b' 2>&-; iptables -A INPUT -j nope | cat; iptables -C INPUT -j DROP | cat
      echo '*none' | iptables-restore -n; nft add table ip x; nft -f /dev/null`
    await run(wrapped, text)
    const told = calls().map(({ name, exitCode, piped, said, given }) => [
      name,
      exitCode > 0,
      piped,
      said,
      given,
    ])
    const words = (pattern: RegExp): unknown => expect.stringMatching(pattern)
    expect(told).toEqual([
      ["iptables", true, false, words(/chain name/i), undefined],
      ["iptables", true, true, words(/^[^\n]*nope[^\n]*\n/), undefined],
      ["iptables", true, false, words(/./), undefined],
      ["iptables-restore", true, false, words(/line 1 failed|none/), "*none\n"],
      ["nft", false, false, "", undefined],
      ["nft", false, false, "", undefined],
    ])
  })
})
