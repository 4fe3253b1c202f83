import type { CaseResult, Row } from "./case.ts"
import { summarize } from "./statistics.ts"

const columns = ["", "", "unit", "median", "p90", "max", "runs", "ratio", ""]

/** The table of one case, for people: one line a row (or a fault), then what was promised. */
export function caseTable(title: string, { rows, targets, failed }: CaseResult): string {
  if (failed !== undefined) return `== ${title}\nFAILED: ${failed}\n`
  const isMatrix = rows.some(({ stood }) => stood !== undefined)
  const lines = isMatrix ? matrix(rows) : [columns, ...rows.map((row) => cells(row, rows))]
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length)),
  )
  const isFigure = (column: number): boolean => !isMatrix && column >= 3 && column <= 7
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        isFigure(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  )
  const promised = targets.map(
    ({ what, met, figure }) => `  ${met ? "met   " : "MISSED"}  ${what}: ${figure}`,
  )
  return [`== ${title}`, ...text, ...promised, ""].join("\n")
}

/** One line a variant, one column a contender: did it stand? */
function matrix(rows: readonly Row[]): string[][] {
  const contenders = [...new Set(rows.map(({ contender }) => contender))]
  const variants = [...new Set(rows.map(({ variant }) => variant))]
  const cell = (variant: string, contender: string): string => {
    const row = rows.find((one) => one.variant === variant && one.contender === contender)
    return row?.stood ? "yes" : `NO: ${row?.reason ?? "not run"}`
  }
  return [
    ["", ...contenders],
    ...variants.map((variant) => [variant, ...contenders.map((contender) => cell(variant, contender))]),
  ]
}

function cells(row: Row, rows: readonly Row[]): string[] {
  const summary = summarize(row.samples)
  const facts = Object.entries(row.facts ?? {}).map(([name, value]) => `${name} ${value}`)
  if (row.failures > 0) facts.unshift(`${row.failures} of ${row.failures + row.samples.length} failed`)
  if (row.reason !== undefined) facts.unshift(row.reason)
  const figures =
    summary === undefined ? ["-", "-", "-"] : [summary.median, summary.p90, summary.max].map(figure)
  const runs = String(row.samples.length + row.failures)
  return [row.variant, row.contender, row.unit, ...figures, runs, ratioOf(row, rows), facts.join(", ")]
}

/** This row's median over ours of the same variant and unit. */
export function ratio(row: Row, rows: readonly Row[]): number | undefined {
  const own = rows.find(({ variant, unit, isOurs }) => isOurs && variant === row.variant && unit === row.unit)
  const mine = summarize(row.samples)?.median
  const theirs = own === undefined ? undefined : summarize(own.samples)?.median
  return mine === undefined || theirs === undefined || theirs === 0 ? undefined : mine / theirs
}

function ratioOf(row: Row, rows: readonly Row[]): string {
  const value = ratio(row, rows)
  return value === undefined ? "" : figure(value)
}

/** Three digits that matter. */
export function figure(value: number): string {
  if (value === 0) return "0"
  return Math.abs(value) >= 100
    ? value.toFixed(0)
    : Math.abs(value) >= 10
      ? value.toFixed(1)
      : value.toFixed(2)
}
