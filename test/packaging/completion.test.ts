import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { commandLines } from "../../scripts/packaging/command-lines.ts"
import { commandPlaces, optionsOf } from "../../scripts/packaging/completion/offers.ts"
import { completions } from "../../scripts/packaging/completion/places.ts"

type Shell = keyof typeof completions

const home = mkdtempSync(join(tmpdir(), "completion-"))
const work = join(home, "work")
const typist = fileURLToPath(new URL("../support/typed-completion.py", import.meta.url))
const programs = commandLines()

/** Each shell as it starts for somebody who has installed the package, but with what it offers in $OFFERED. */
const startFiles: Readonly<Record<"bash" | "zsh", readonly [name: string, text: string]>> = {
  bash: [
    ".bashrc",
    `for program in $PROGRAMS; do . "$HOME/${completions.bash.folder}/$program"; done
offers() {
  "_\${1//-/_}" "$@"
  printf '%s\\n' "\${COMPREPLY[@]}" -- >>"$OFFERED"
  COMPREPLY=()
}
complete -F offers $PROGRAMS
echo -- >>"$OFFERED"
`,
  ],
  zsh: [
    ".zshrc",
    `fpath=("$HOME/${completions.zsh.folder}" $fpath)
autoload -Uz compinit && compinit -u -D
function compadd() {
  case " $* " in *\\ -[OAD]\\ *) ;; *)
    local -a matching
    builtin compadd -O matching "$@"
    print -rl -- $matching >>$OFFERED ;;
  esac
  builtin compadd "$@"
}
function offers() {
  _main_complete
  print -r -- -- >>$OFFERED
  compstate[insert]= compstate[list]=
}
zle -C offers complete-word offers
bindkey '^I' offers
bindkey '^U' kill-whole-line
print -r -- -- >>$OFFERED
`,
  ],
}

beforeAll(() => {
  mkdirSync(work)
  for (const shell of Object.keys(completions) as Shell[]) {
    const { write, file } = completions[shell]
    const folder = join(home, completions[shell].folder)
    mkdirSync(folder, { recursive: true })
    for (const program of programs) writeFileSync(join(folder, file(program.name())), write(program))
  }
  for (const [name, text] of Object.values(startFiles)) writeFileSync(join(home, name), text)
  // fish completes what there is.
  mkdirSync(join(home, "bin"))
  for (const program of programs)
    writeFileSync(join(home, "bin", program.name()), "#!/bin/sh\n", { mode: 0o755 })
  const secrets = join(home, ".config/fw-knock/secrets")
  mkdirSync(secrets, { recursive: true })
  for (const host of ["web1.example", "2001:db8::1", "$(touch pwned)"]) writeFileSync(join(secrets, host), "")
  writeFileSync(join(work, "rules.sh"), "")
  mkdirSync(join(work, "out"))
})
afterAll(() => rmSync(home, { recursive: true }))

/** What the shell offers for the last word of each line, in the order of the alphabet. */
function offeredBy(shell: Shell, lines: readonly string[]): string[][] {
  const env = {
    PATH: `${join(home, "bin")}:${process.env.PATH}`,
    HOME: home,
    ZDOTDIR: home,
    TERM: "dumb",
    LC_ALL: "C.UTF-8",
  }
  const names = programs.map((program) => program.name()).join(" ")
  const run = (command: readonly [string, ...string[]], more: NodeJS.ProcessEnv, input = "") => {
    const [program, ...args] = command
    const result = spawnSync(program, args, { env: { ...env, ...more }, cwd: work, encoding: "utf8", input })
    if (result.status !== 0) throw new Error(`${shell}: ${result.error ?? result.stderr}${result.stdout}`)
    return result.stdout
  }
  const sorted = (words: readonly string[]): string[] => [...new Set(words.filter(Boolean))].sort()
  if (shell === "fish")
    return lines.map((line) => {
      const data = { XDG_DATA_DIRS: join(home, "usr/share") }
      const words = run(["fish", "-c", `complete -C ${JSON.stringify(line)}`], data).split("\n")
      return sorted(words.map((word) => word.split("\t")[0] ?? ""))
    })
  const offered = join(home, `offered-by-${shell}`)
  writeFileSync(offered, "")
  const command = shell === "bash" ? ["bash", "--noprofile", "-i"] : ["zsh", "-i"]
  run(
    ["python3", typist, ...command],
    { OFFERED: offered, PROGRAMS: names },
    lines.map((line) => `${line}\n`).join(""),
  )
  const answers = readFileSync(offered, "utf8").split(/^--$/m).slice(1, -1)
  return answers.map((answer) => sorted(answer.split("\n")))
}

const cases: readonly (readonly [string, readonly string[]])[] = [
  ["fw-watchdog sta", ["status"]],
  ["fw-watchdog --on-e", ["--on-expiry"]],
  ["fw-watchdog arm --on-expiry ", ["disarm", "reset", "rollback"]],
  ["fw-watchdog --on-expiry r", ["reset", "rollback"]],
  ["fw-watchdog --timeout ", []],
  ["fw-watchdog --interface l", ["lo"]],
  ["fw-watchdog status --j", ["--json"]],
  ["fw-watchdog help und", ["undo"]],
  ["fw-apply ru", ["rules.sh"]],
  ["fw-apply con", ["confirm"]],
  ["fw-apply --format ", ["ipset-save", "iptables-save", "nft", "shell"]],
  ["fw-apply --family ", ["4", "6"]],
  ["fw-knock re", ["remember", "reset"]],
  ["fw-knock reset --json we", ["web1.example"]],
  ["fw-knock reset web1.example we", ["web1.example"]],
  ["fw-knock apply --check we", ["web1.example"]],
  ["fw-knock reset --check ", []],
  ["fw-knock probe --ha", []],
  ["fw-knock reset --ha", ["--hard"]],
  ["fw-knock hosts im", ["import"]],
  ["fw-knock hosts import --ansible ru", ["rules.sh"]],
  ["fw-knock hosts import --fi", ["--file"]],
  ["fw-knock hosts list --j", ["--json"]],
  ["fw-knock probe --hosts ru", ["rules.sh"]],
]

describe.each(Object.keys(completions) as Shell[])("%s", (shell) => {
  const found =
    spawnSync(shell, ["--version"]).status === 0 && spawnSync("python3", ["--version"]).status === 0
  const reason = found ? undefined : `${shell} or python3 is not here`
  if (reason !== undefined) process.stderr.write(`skipped: completion of ${shell}: ${reason}\n`)

  it.skipIf(!found)("offers what the programs take, and nothing else", { timeout: 120_000 }, () => {
    const said = offeredBy(
      shell,
      cases.map(([line]) => line),
    )
    expect(cases.map(([line], index) => [line, said[index]])).toEqual(cases)
  })

  it.skipIf(!found)("offers remembered hosts by their names, and runs nothing that a file is called", () => {
    const [all, begun] = offeredBy(shell, ["fw-knock probe ", "fw-knock probe 2001:d"])
    // bash completes only what is behind the last colon.
    const [start, rest] = shell === "bash" ? ["2001:", "db8::1"] : ["", "2001:db8::1"]
    expect(all).toEqual(["2001:db8::1", "web1.example"])
    expect([start, begun]).toEqual([start, [rest]])
    expect(readdirSync(work).sort()).toEqual(["out", "rules.sh"])
  })

  it.skipIf(!found)("offers folders where a folder is wanted", () => {
    const [folders = []] = offeredBy(shell, ["fw-apply --print o"])
    expect(folders.map((folder) => folder.replace(/\/$/, ""))).toEqual(["out"])
  })

  it.skipIf(!found)("offers every option and command of every program", { timeout: 240_000 }, () => {
    const wanted: [string, string[]][] = programs.flatMap((program) => {
      const name = program.name()
      const names = (command: (typeof programs)[number]): string[] =>
        command.commands.map((each) => each.name())
      const longs = (command: (typeof programs)[number]): string[] =>
        optionsOf(command).map((option) => option.long ?? "")
      return [
        [`${name} `, names(program)],
        [`${name} --`, longs(program)],
        ...commandPlaces(program).flatMap(({ path, command }): [string, string[]][] => [
          [`${name} ${path} --`, longs(command)],
          ...(command.commands.length > 0
            ? [[`${name} ${path} `, names(command)] satisfies [string, string[]]]
            : []),
        ]),
      ] satisfies [string, string[]][]
    })
    const said = offeredBy(
      shell,
      wanted.map(([line]) => line),
    )
    // fw-apply takes a file, too.
    const own = (words: readonly string[] = []): string[] =>
      words.filter((word) => !/^(out|rules)/.test(word))
    expect(wanted.map(([line], index) => [line, own(said[index])])).toEqual(
      wanted.map(([line, words]) => [line, [...words].sort()]),
    )
  })
})
