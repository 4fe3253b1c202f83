import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type MachineCopy, openMachineCopy } from "../../../src/apply/rehearsal/machine-copy.ts"
import { runScript } from "../../../src/apply/rehearsal/run-in-copy.ts"
import { errorsOf, readCalls, type ScriptCall } from "../../../src/apply/script/calls.ts"
import { layWrappers, wrappedPrograms, wrapperFiles, wrappers } from "../../../src/apply/script/wrappers.ts"
import { layFunctions, sayingOnce } from "../../../src/apply/script-functions.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { findProgram } from "../../../src/system/find-program.ts"
import { firewallOf } from "../../support/firewall/lab-firewall.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"
import { inputOf, machineIn, refusalOf } from "../../support/rehearsing.ts"

if (labUnavailable) process.stderr.write(`skipped: functions in place of wrappers: ${labUnavailable}\n`)

/** What a script might tell a function from a program by, and does not. Each begins and ends without rules. */
const scripts: readonly (readonly [what: string, text: string])[] = [
  ["the exit code and $?", "iptables -A INPUT -j nope; echo $?; iptables -A INPUT -j ACCEPT; echo $?"],
  ["set -e", "set -e\niptables -A INPUT -j ACCEPT\niptables -A INPUT -j nope\necho not here"],
  [
    "set -e in a condition",
    "set -e\nif iptables -A INPUT -j nope; then :; fi\niptables -j a || echo $?\necho on",
  ],
  [
    "set -e with a trap at the end",
    "trap 'echo end $?' EXIT\nset -e\niptables -A INPUT -j nope\necho not here",
  ],
  [
    "set -u, set -f and set -C",
    "set -ufC\niptables -A INPUT -j ACCEPT\niptables -A INPUT -j nope\niptables -S INPUT",
  ],
  [
    "an IFS of digits and slashes",
    "IFS=0123456789/-\niptables -A INPUT -j ACCEPT\n(iptables -S INPUT)\niptables -A x -j nope",
  ],
  [
    "standard error put elsewhere",
    "iptables -A INPUT -j nope 2>&1 | sed 's/^/said: /'\niptables -A INPUT -j nope 2>/dev/null\ntrue",
  ],
  [
    "standard output put elsewhere",
    'x=$(iptables -S INPUT; echo $?); echo "<$x>"; iptables -S >/dev/null; exec >&2; iptables -S',
  ],
  [
    "descriptors that are shut",
    "iptables -S <&- ; iptables -A INPUT -j ACCEPT >&- ; iptables -A INPUT -j nope 2>&- ; echo $?",
  ],
  [
    "a loop that reads",
    "printf '192.0.2.1\\n192.0.2.2\\n' | while read -r a; do iptables -A INPUT -s $a -j DROP; done\niptables -S INPUT",
  ],
  ["a loop in a pipe that fails", "for p in one two; do iptables -A INPUT -j $p; done 2>&1 | cat; echo $?"],
  [
    "commands beside each other",
    "iptables -N one & iptables -N two & (iptables -N three) & wait; iptables -N four; iptables -S | sort",
  ],
  [
    "a function of the script's own",
    'add() { local n=$#; iptables "$@" || return 7; echo $n; }\nadd -A INPUT -j ACCEPT\nadd -A INPUT -j nope\necho $? $#',
  ],
  [
    "one of the same name",
    'iptables() { echo mine; /usr/sbin/iptables -w "$@"; }\niptables -A INPUT -j ACCEPT; iptables -S INPUT',
  ],
  ["unset -f", "unset -f iptables\niptables -A INPUT -j ACCEPT; iptables -S INPUT"],
  ["an alias", "alias iptables='iptables -w'\niptables -A INPUT -j ACCEPT; iptables -S INPUT"],
  ["exec", "iptables -A INPUT -j ACCEPT; exec iptables -S INPUT"],
  [
    "env, xargs, sh -c and nice",
    "env iptables -N a; echo -N b | xargs iptables; sh -c 'iptables -N c'; nice iptables -N d; iptables -S",
  ],
  [
    "a path in a variable",
    "I=/sbin/iptables; $I -A INPUT -j ACCEPT; $I -A INPUT -j nope; I=iptables; $I -S INPUT",
  ],
  [
    "a path in a variable with an option, in quotes, in braces, in a loop",
    `I="/sbin/iptables -w"; $I -N a\nJ=/usr/sbin/ip6tables; "$J" -N b; \${J} -A b -j nope || echo $?\nfor K in /sbin/iptables /sbin/ip6tables; do [ -x $K ] && $K -N c; done; $I -S; "$J" -S`,
  ],
  [
    "a path, a name with a dash, and what which(1) finds",
    '/sbin/iptables -N a && /usr/sbin/iptables-nft -N b\niptables-nft -A a \\\n -j b; X=$(which iptables); $X -S; (iptables-nft -A a -j nope)\necho $? "/sbin/iptables -N no; $X -N no"; no-such -x',
  ],
  [
    "set -e, and a path in a condition",
    "set -e\nI=/sbin/iptables\nif $I -C INPUT -j DROP; then echo no; elif $I -N a; then echo yes; fi\n! $I -A a -j nope\n$I -A a -j nope\necho not here",
  ],
  [
    "a function of the script's own that calls a path, in a pipe",
    'I=/sbin/iptables\nadd() { $I -A INPUT "$@"; }\nadd -j ACCEPT; add -j nope; echo $?; $I -S | sed 1d; echo 192.0.2.1 | while read -r a; do $I -A INPUT -s $a -j DROP; done; $I -S INPUT',
  ],
  [
    "every kind of word",
    "iptables -A INPUT -m comment --comment 'a  b' -j ACCEPT; iptables -A INPUT -m comment --comment '-n %s \\n *' -j ACCEPT; iptables -A INPUT -m comment --comment '' -j ACCEPT; iptables -S INPUT",
  ],
  [
    "-C before -A",
    "for i in 1 2; do iptables -C INPUT -j ACCEPT || iptables -A INPUT -j ACCEPT; done; iptables -S INPUT",
  ],
  [
    "set --, shift and getopts",
    "set -- -a x -b; getopts a:b o; iptables -N c; getopts a:b o; echo $o $OPTIND $# $1; shift; echo $1",
  ],
  ["$0 and a return at the end", 'echo "$0"; iptables -N c; return 3 2>/dev/null; exit 3'],
  ["a mistake in its grammar", "iptables -N c\nif true; then\n"],
  ["a program that is not there", "iptables -N c\nno-such-program a\necho $?"],
  [
    "sets and nft",
    "nft add table ip x; nft list tables; ipset create s hash:ip; ipset add s 192.0.2.1; ipset add s 192.0.2.1; echo $?; echo 'add s 192.0.2.2' | ipset restore; ipset test s 192.0.2.2; ipset list -n; ipset destroy; echo 'add table ip y' | nft -f -; nft delete table ip x; nft delete table ip z",
  ],
  [
    "both families",
    "ip6tables -A INPUT -s 2001:db8::1 -j DROP; iptables-nft -N c; ip6tables -S INPUT; iptables -S",
  ],
  ["changed standard input", 'iptables -N c\nread -r line; echo "<$line>"\n'],
]

describe.skipIf(labUnavailable)("functions in place of programs, in the script's own shell", () => {
  const lab = new Lab()
  const host = machineIn(lab)
  const programs = wrappedPrograms()
  let copy: MachineCopy | undefined

  beforeAll(async () => {
    if (labUnavailable) return
    const deps = firewallOf(host)
    copy = await openMachineCopy(deps, takeSnapshot(deps, "test"), undefined, wrappers(programs, false))
    layWrappers(copy.files, programs)
    mkdirSync(join(copy.files.root, "tmp/scripts"), { recursive: true })
  })
  afterAll(async () => {
    await copy?.close()
    lab.close()
  })

  /** A script's exit code and output, and the calls that were written down, with what each said. */
  async function run(shell: string, text: string, by: "functions" | "wrappers") {
    if (copy === undefined) throw new Error("no copy")
    const { files } = copy
    const { system } = firewallOf(host)
    const path = "/tmp/scripts/rules.sh"
    writeFileSync(join(files.root, path), text)
    writeFileSync(join(files.own, wrapperFiles.calls), "")
    const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" }
    const start = layFunctions(files, programs, { text, path, interpreter: [shell] }, environment)
    if (start === undefined) throw new Error(`no functions for ${shell}: ${text}`)
    const command = by === "functions" ? start.command : [shell, path]
    const done = await runScript(files, system, command, {
      folder: "/tmp",
      timeoutMs: 20_000,
      environment: by === "functions" ? { ...environment, ...start.environment } : environment,
      input: "a line\n",
    })
    const calls = readCalls(files.own)
    const told = ({ name, args, exitCode, piped }: ScriptCall) => ({ name, args, exitCode, piped })
    const failed = calls.filter(({ exitCode, args }) => exitCode !== 0 && !args.includes("-C"))
    const nothing = "nft flush ruleset; ipset destroy"
    await files.runInside({ path: system.sh, args: ["-c", nothing] })
    return {
      exitCode: done.exitCode,
      said: [done.stdout, sayingOnce(done.stderr)],
      calls: calls.map(told).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
      errors: failed.map((call) => errorsOf(files.own, call)).sort(),
      byFunction: calls.filter(({ pid }) => pid === "").length,
    }
  }

  for (const shell of ["dash", "bash"]) {
    const path = findProgram(shell)
    it.skipIf(path === undefined).each(scripts)(`${shell}: %s`, async (_, text) => {
      const { byFunction: none, ...before } = await run(path ?? shell, text, "wrappers")
      const { byFunction, ...now } = await run(path ?? shell, text, "functions")
      expect(none).toBe(0)
      expect(now).toEqual(before)
    })

    it.skipIf(path === undefined)(`${shell}: a call by name starts no second process`, async () => {
      const text = `iptables -N a\n(iptables -N b)\n${"x=1\n".repeat(3)}iptables -A a -j b; ipset create s hash:ip; nft add table ip x`
      const done = await run(path ?? shell, text, "functions")
      expect([done.exitCode, done.calls.length, done.byFunction]).toEqual([0, 5, 5])
    })
  }

  it("dash: nor does a call by a path, by a variable that holds one, or by a name with a dash in it", async () => {
    const text = "I=/sbin/iptables\n$I -N a; /usr/sbin/iptables -N b\niptables-nft -N c && ( $I -A a -j b )"
    const done = await run(findProgram("dash") ?? "dash", text, "functions")
    expect([done.exitCode, done.calls.length, done.byFunction]).toEqual([0, 4, 4])
  })

  it.each([
    ["#!/bin/sh -x", {}],
    ["#!/bin/bash", { BASH_ENV: "/etc/mine" }],
    ["#!/bin/bash", { "BASH_FUNC_iptables%%": "() { echo mine; }" }],
    ["#!/bin/sh", { PATH: "/usr/bin" }],
  ])("leaves %s with %j to the wrappers", (first, more) => {
    if (copy === undefined) throw new Error("no copy")
    const script = { text: "iptables -F\n", path: "/tmp/rules.sh", interpreter: first.slice(2).split(" ") }
    const environment = { PATH: "/usr/sbin:/usr/bin", ...more }
    const start = layFunctions(copy.files, programs, script, environment)
    // Where PATH leads to none of the programs there is no function to call.
    const functions = start === undefined ? "" : readFileSync(join(copy.files.own, "functions"), "utf8")
    expect(functions).not.toMatch(/^(function )?iptables\b/m)
  })

  it("finds a failure in 300 calls, its line, and what the tool said", async () => {
    const lines = Array.from(
      { length: 300 },
      (_, index) => `iptables -A INPUT -s 10.0.0.${index % 256} -j DROP`,
    )
    lines[150] = "iptables -A INPUT -j nope"
    const input = inputOf(lab, `#!/bin/sh\n${lines.join("\n")}\n`)
    const refused = await refusalOf(host, input)
    expect(refused.where).toBe(`${input.name}:152`)
    expect(refused.message).toMatch(/"iptables -A INPUT -j nope": exit code \d: .*nope/)
  })
})
