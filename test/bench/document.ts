import { execFileSync } from "node:child_process"
import type { Case, CaseResult, Row } from "./case.ts"
import { contenders } from "./contenders/table.ts"
import { describeMachine } from "./machine.ts"
import type { Results, WrittenRow } from "./results.ts"
import { summarize } from "./statistics.ts"
import { ratio } from "./table.ts"

/** What is written down of a run. */
export function documentOf(
  results: readonly { readonly one: Case; readonly result: CaseResult; readonly seconds: number }[],
  quick: boolean,
): Results {
  const measuredCommit = commit()
  return {
    measured: new Date().toISOString(),
    ...(measuredCommit === undefined ? {} : { commit: measuredCommit }),
    quick,
    machine: describeMachine(),
    contenders: contenders.map(({ name, setup }) => ({ name, setup })),
    cases: results.map(({ one: { name, title }, result: { rows, targets, failed }, seconds }) => ({
      name,
      title,
      seconds,
      rows: rows.map((row) => written(row, rows)),
      targets,
      ...(failed === undefined ? {} : { failed }),
    })),
  }
}

function written(row: Row, rows: readonly Row[]): WrittenRow {
  const toOurs = ratio(row, rows)
  const digits = (value: number): number => Number(value.toPrecision(4))
  const summary = summarize(row.samples)
  const { samples, ...rest } = row
  return {
    ...rest,
    ...(summary === undefined
      ? {}
      : {
          median: digits(summary.median),
          p90: digits(summary.p90),
          max: digits(summary.max),
          runs: summary.runs,
        }),
    ...(toOurs === undefined ? {} : { ratio: digits(toOurs) }),
    samples: samples.map(digits),
  }
}

/** The commit that was measured, with "and changes" when files differ from it; undefined outside a checkout. */
function commit(): string | undefined {
  try {
    // Whoever measures is root, and the checkout may be somebody else's.
    const git = (...words: string[]): string =>
      execFileSync("git", ["-c", "safe.directory=*", ...words], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim()
    const changed = git("status", "--porcelain", "--untracked-files=no", "src")
    return git("rev-parse", "--short", "HEAD") + (changed === "" ? "" : " and changes")
  } catch {
    return undefined
  }
}
