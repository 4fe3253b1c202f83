import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Case, CaseResult } from "./case.ts"
import { apply } from "./cases/apply.ts"
import { arming } from "./cases/arming.ts"
import { besideLarge } from "./cases/beside-large.ts"
import { faults } from "./cases/faults.ts"
import { fleet } from "./cases/fleet.ts"
import { floods } from "./cases/floods.ts"
import { growth } from "./cases/growth.ts"
import { senderStart } from "./cases/sender-start.ts"
import { timeToOpen } from "./cases/time-to-open.ts"
import { unconfirmed } from "./cases/unconfirmed.ts"
import { weight } from "./cases/weight.ts"
import { said } from "./deadline.ts"
import { documentOf } from "./document.ts"
import { publish } from "./drawing/publish.ts"
import { benchFolder } from "./paths.ts"
import { readResults, resultsPath, withAgain } from "./results.ts"
import { caseTable } from "./table.ts"

// TypeScript, compiled: it uses the lab's library, which is TypeScript, and Node 20 runs none.

const cases: readonly Case[] = [
  timeToOpen,
  senderStart,
  arming,
  weight,
  apply,
  besideLarge,
  unconfirmed,
  fleet,
  faults,
  floods,
  growth,
]

const options = {
  quick: false,
  figures: false,
  again: false,
  cgroup: `fw-bench-${process.pid}`,
  minutes: Infinity,
}
const names: string[] = []
const args = process.argv.slice(2)
for (let argument = args.shift(); argument !== undefined; argument = args.shift())
  if (argument === "--quick") options.quick = true
  else if (argument === "--figures") options.figures = true
  else if (argument === "--again") options.again = true
  else if (argument === "--minutes") options.minutes = Number(args.shift()) || options.minutes
  else if (argument === "--cgroup") options.cgroup = args.shift() ?? options.cgroup
  else names.push(argument)
const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`)
for (const name of names)
  if (!cases.some((one) => one.name === name)) {
    say(`no case is called "${name}": ${cases.map((one) => one.name).join(", ")} are there`)
    process.exit(64)
  }

if (options.figures) publish(readResults())
else await measure()

async function measure(): Promise<void> {
  // The lab's hosts and processes go when this process exits; by default these signals would not let it.
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)
    process.once(signal, () => process.exit(code))

  const chosen = names.length === 0 ? cases : cases.filter(({ name }) => names.includes(name))
  const begun = Date.now()
  const results: { one: Case; result: CaseResult; seconds: number }[] = []
  for (const one of chosen) {
    const since = Date.now()
    if (since - begun > options.minutes * 60_000) {
      const failed = `not begun: the ${options.minutes} minutes of this run were over`
      results.push({ one, result: { rows: [], targets: [], failed }, seconds: 0 })
      say(`${one.title}: ${failed}`)
      continue
    }
    say(one.title)
    let result: CaseResult
    try {
      result = await one.run({ quick: options.quick, cgroup: options.cgroup, say })
    } catch (thrown) {
      // The other cases are still worth having; this one is in the results with what kept it.
      say(thrown instanceof Error ? (thrown.stack ?? thrown.message) : said(thrown))
      result = { rows: [], targets: [], failed: said(thrown) }
      process.exitCode = 1
    }
    results.push({ one, result, seconds: Math.round((Date.now() - since) / 1000) })
    process.stdout.write(`\n${caseTable(one.title, result)}`)
    say(
      `${one.name}: ${Math.round((Date.now() - since) / 1000)} s, ${Math.round((Date.now() - begun) / 1000)} in all`,
    )
  }
  const measured = documentOf(results, options.quick)
  // The committed figures are those of a whole run, or of cases in it measured again; anything less is for looking at.
  const committed = !options.quick && (options.again || results.length === cases.length)
  const path = committed ? resultsPath : join(benchFolder, "../../node_modules/.bench/partial-results.json")
  mkdirSync(dirname(path), { recursive: true })
  const written = committed && options.again ? withAgain(readResults(), measured) : measured
  writeFileSync(path, `${JSON.stringify(written, null, 1)}\n`)
  if (committed) publish(written)
  say(
    committed
      ? "written: test/bench/results.json, figures, README, native-notes/measurements.md"
      : `part of the measurements only: written to ${path}`,
  )
}
