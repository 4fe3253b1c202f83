import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { commandLines } from "../../scripts/packaging/command-lines.ts"
import { bashCompletion } from "../../scripts/packaging/completion.ts"

let home = ""
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "completion-"))
  for (const program of commandLines()) writeFileSync(join(home, program.name()), bashCompletion(program))
  const secrets = join(home, ".config/fw-knock/secrets")
  mkdirSync(secrets, { recursive: true })
  for (const host of ["web1.example", "2001:db8::1", "$(touch pwned)"]) writeFileSync(join(secrets, host), "")
})
afterAll(() => rmSync(home, { recursive: true }))

/** What bash offers for the last of these words. */
function offered(...words: string[]): string[] {
  // compopt works in a shell that completes, and only changes what bash puts behind the word.
  const script = `compopt() { :; }; . "$HOME/$1"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    "_\${1//-/_}" "$1" "\${@: -1}" "\${@: -2:1}"; printf '%s\\n' "\${COMPREPLY[@]}"`
  const environment = { PATH: process.env.PATH, HOME: home }
  const text = execFileSync("bash", ["-c", script, "bash", ...words], {
    env: environment,
    encoding: "utf8",
    cwd: home,
  })
  return text.split("\n").filter((line) => line !== "")
}

it.each([
  [["fw-watchdog", "sta"], ["status"]],
  [["fw-watchdog", "--on-e"], ["--on-expiry"]],
  [
    ["fw-watchdog", "arm", "--on-expiry", ""],
    ["disarm", "reset", "rollback"],
  ],
  [["fw-watchdog", "--timeout", ""], []],
  [["fw-apply", "fw-w"], ["fw-watchdog"]],
  [["fw-apply", "con"], ["confirm"]],
  [
    ["fw-apply", "--format", ""],
    ["shell", "iptables-save", "ipset-save", "nft"],
  ],
  [["fw-apply", "--print", ".c"], [".config"]],
  [["fw-watchdog", "--interface", "l"], ["lo"]],
  [
    ["fw-watchdog", "status", "--"],
    ["--json", "--help"],
  ],
  [
    ["fw-knock", "re"],
    ["reset", "remember"],
  ],
  [["fw-knock", "reset", "--json", "we"], ["web1.example"]],
  [
    ["fw-knock", "reset", "web1.example", ""],
    ["2001:db8::1", "web1.example"],
  ],
])("%j -> %j", (words, expected) => {
  expect(offered(...words)).toEqual(expected)
})

it("does not run what a file in the folder of secrets is called", () => {
  offered("fw-knock", "reset", "")
  expect(execFileSync("ls", { cwd: home, encoding: "utf8" })).not.toContain("pwned")
})

it("offers every option and command of every program", () => {
  for (const program of commandLines()) {
    const commands = program.commands.map((command) => command.name())
    // fw-apply takes a file there as well.
    expect(offered(program.name(), "").filter((word) => commands.includes(word))).toEqual(commands)
    for (const command of program.commands)
      expect(offered(program.name(), command.name(), "--")).toEqual(
        command
          .createHelp()
          .visibleOptions(command)
          .map((option) => option.long),
      )
  }
})
