import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Case, CaseResult } from "./case.ts"
import { growth } from "./cases/growth.ts"
import { senderStart } from "./cases/sender-start.ts"
import { timeToOpen } from "./cases/time-to-open.ts"
import { weight } from "./cases/weight.ts"
import { contenders } from "./contenders/table.ts"
import { describeMachine } from "./machine.ts"
import { benchFolder } from "./paths.ts"
import { summarize } from "./statistics.ts"
import { caseTable, ratio } from "./table.ts"

// TypeScript, compiled: it uses the lab's library, which is TypeScript, and Node 20 runs none.

const cases: readonly Case[] = [timeToOpen, growth, weight, senderStart]

const args = process.argv.slice(2)
const quick = args.includes("--quick")
const names = args.filter((argument) => argument !== "--quick")
for (const name of names)
  if (!cases.some((one) => one.name === name)) {
    process.stderr.write(
      `bench: no case is called "${name}": ${cases.map((one) => one.name).join(", ")} are there\n`,
    )
    process.exit(64)
  }
const chosen = names.length === 0 ? cases : cases.filter(({ name }) => names.includes(name))

// The lab's hosts and processes go when this process exits; by default these signals would not let it.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)
  process.once(signal, () => process.exit(code))

const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`)
const results: { one: Case; result: CaseResult }[] = []
for (const one of chosen) {
  say(one.title)
  const result = await one.run({ quick, say })
  results.push({ one, result })
  process.stdout.write(`\n${caseTable(one.title, result)}`)
}

// The committed figures are those of a whole run; anything less is for looking at.
const whole = !quick && chosen.length === cases.length
const path = whole
  ? join(benchFolder, "results.json")
  : join(benchFolder, "../../node_modules/.bench/partial-results.json")
mkdirSync(dirname(path), { recursive: true })
writeFileSync(path, `${JSON.stringify(document(), null, 1)}\n`)
say(whole ? "written to test/bench/results.json" : `part of the measurements only: written to ${path}`)

function document(): unknown {
  return {
    measured: new Date().toISOString(),
    commit: commit(),
    quick,
    machine: describeMachine(),
    contenders: contenders.map(({ name, setup }) => ({ name, setup })),
    cases: results.map(({ one: { name, title }, result: { rows, targets } }) => ({
      name,
      title,
      rows: rows.map(({ samples, ...row }) => ({
        ...row,
        ...summarize(samples),
        ratio: ratio({ ...row, samples }, rows),
        samples: samples.map((sample) => Number(sample.toPrecision(4))),
      })),
      targets,
    })),
  }
}

/** The commit that was measured, with "and changes" when files differ from it; undefined outside a checkout. */
function commit(): string | undefined {
  try {
    const git = (...words: string[]): string => execFileSync("git", words, { encoding: "utf8" }).trim()
    const changed = git("status", "--porcelain", "--untracked-files=no", "src")
    return git("rev-parse", "--short", "HEAD") + (changed === "" ? "" : " and changes")
  } catch {
    return undefined
  }
}
