import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { markCalls } from "../../../src/apply/script-marked.ts"
import { isPlainScript } from "../../../src/apply/script-plain.ts"

const dash = "/bin/dash"
const unavailable = existsSync(dash) ? undefined : `${dash} is missing`
if (unavailable) process.stderr.write(`skipped: marked scripts in dash: ${unavailable}\n`)
const runs = process.env.FW_LONG ? 20_000 : 400

const folder = mkdtempSync(join(tmpdir(), "fw-marked-"))
const program = join(folder, "iptables")

/** Scripts of whatever dash takes, with calls of our program wherever one might stand. */
const { script } = fc.letrec<Record<"script" | "command" | "word" | "part" | "list", string>>((tie) => ({
  part: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(
      "a",
      "x=y",
      "-F",
      "\\'",
      '\\"',
      "+#",
      "a#b",
      "\\#",
      "$X",
      "$#",
      `\${#X}`,
      "é",
      "case",
      "{",
      "%s\\n",
    ),
    fc.constantFrom(
      program,
      "$I",
      '"$I"',
      `\${I}`,
      `\${X:-b}`,
      `"\${X%"y"}"`,
      "$((1 + (2)))",
      "\\$I",
      "'it\"s'",
    ),
    tie("list").map((list) => `$(${list})`),
    tie("list").map((list) => `"$(${list})"`),
    tie("list").map((list) => `\`${list.replaceAll(/[\\`$]/g, "\\$&")}\``),
    tie("word").map((word) => `\${X:-${word}}`),
    tie("word").map((word) => `"${word.replaceAll(/["`]|\\\n?/g, "")}"`),
    tie("word").map((word) => `'${word.replaceAll("'", "")}'`),
  ),
  word: fc.array(tie("part"), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
  command: fc.oneof(
    { maxDepth: 4 },
    fc.array(tie("word"), { maxLength: 3 }).map((words) => `${program} -A ${words.join(" ")}`),
    fc.array(tie("word"), { maxLength: 3 }).map((words) => `$I -A ${words.join(" ")}`),
    fc.array(tie("word"), { maxLength: 3 }).map((words) => `"$I"\t-A ${words.join("\t")} # it's (\n:`),
    fc.array(tie("word"), { maxLength: 3 }).map((words) => `echo ${words.join(" ")}`),
    tie("word").map((word) => `X=${word}`),
    tie("list").map((list) => `if ${list}; then ${list}; else :; fi`),
    tie("list").map((list) => `(${list})`),
    tie("list").map((list) => `{ ${list}; }`),
    tie("list").map((list) => `for i in ${program} b; do $i -A c; ${list}; done`),
    fc
      .tuple(tie("word"), tie("list"))
      .map(([word, list]) => `case ${word} in a|"x"*) ${list} ;; *) ${list};; esac`),
    tie("list").map((list) => `f() { ${list}; }; f`),
    tie("list").map((list) => `! ${list}`),
    tie("word").map((word) => `I="${program}" # ${word.replaceAll("\n", "")}\n:`),
  ),
  list: fc
    .array(
      fc.tuple(
        tie("command"),
        fc.constantFrom("; ", "\n", " && ", " || ", " | ", " >/dev/null\n", " \\\n && "),
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((parts) => `${parts.map(([command, end]) => command + end).join("")}:`),
  script: tie("list").map((list) => `I=${program}\n${list}\n`),
}))

describe.skipIf(unavailable)("a marked script", () => {
  beforeAll(() => {
    writeFileSync(program, `#!${dash}\nprintf '<%s>' "$0" "$@"\n[ $# != 2 ]\n`, { mode: 0o755 })
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** What it says and ends with. A function that finds no command names a line of its own. */
  const ran = (text: string): unknown => {
    const path = join(folder, "script")
    writeFileSync(path, text)
    const { stdout, stderr, status } = spawnSync(dash, [path], {
      encoding: "utf8",
      timeout: 10_000,
      cwd: folder,
    })
    return { stdout, stderr: stderr.replaceAll(/: \d+: /g, ": LINE: "), status }
  }

  it("does in dash what it does unmarked", { timeout: 1_200_000 }, () => {
    execFileSync(program, ["a", "b", "c"])
    let marks = 0
    fc.assert(
      fc.property(script, (text) => {
        if (spawnSync(dash, ["-n"], { input: text }).status !== 0) return
        if (!isPlainScript(text, "dash", new Set([folder]))) return
        const marked = markCalls(text, new Set([program]), new Set(["iptables"]), "__fw_path ")
        if (marked === undefined) return
        marks += 1
        const prelude = '__fw_path() { "$@"; }; '
        expect(ran(prelude + marked)).toEqual(ran(prelude + text))
      }),
      { numRuns: runs },
    )
    expect(marks).toBeGreaterThan(runs / 50)
  })
})
