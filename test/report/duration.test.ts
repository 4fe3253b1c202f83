import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { commandLines } from "../../scripts/packaging/command-lines.ts"
import { parseDuration } from "../../src/cli/terminal/duration.ts"
import { formatDuration } from "../../src/report/duration.ts"

const anything = { min: 0, max: Number.MAX_SAFE_INTEGER }

describe("formatDuration", () => {
  it.each([
    [-1, "0s"],
    [Number.NaN, "0s"],
    [0, "0s"],
    [0.4, "0ms"],
    [250, "250ms"],
    [999.9, "999ms"],
    [1000, "1s"],
    [2150, "2150ms"],
    [9999, "9999ms"],
    [10_500, "10s"],
    [60_000, "1m"],
    [89_999, "1m 29s"],
    [1_800_000, "30m"],
    [3_600_000 + 5_000, "1h"],
    [86_400_000 + 4 * 3_600_000 + 59_000, "1d 4h"],
  ])("writes %d ms as %s", (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text)
  })

  it("writes what parseDuration reads back, to within the smaller unit shown", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 * 86_400_000 }), (milliseconds) => {
        const parts = formatDuration(milliseconds).split(" ")
        const read = parts.reduce((sum, part) => sum + parseDuration(part, "--x", anything), 0)
        expect(read).toBeLessThanOrEqual(milliseconds)
        expect(read).toBeGreaterThan(milliseconds * 0.95 - 1000)
      }),
    )
  })
})

/** The lines of a source, without comments. */
function codeOf(path: string): string[] {
  const text = readFileSync(path, "utf8")
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/gm, "").split("\n")
}

describe("durations are written one way", () => {
  it("in every text of the programs", () => {
    const src = fileURLToPath(new URL("../../src", import.meta.url))
    const sources = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    )
    const lines = sources.flatMap((name) => codeOf(join(src, name)))
    const otherwise = /[\d}] ?(?:secs?|mins?|seconds?|minutes?|hours?|days?)\b|[\d}] (?:ms|s|m|h|d)\b/
    expect(lines.length).toBeGreaterThan(10_000)
    expect(lines.filter((line) => otherwise.test(line))).toEqual([])
  })

  it("in every default of an option", () => {
    const options = commandLines()
      .flatMap((program) => [program, ...program.commands])
      .flatMap(({ options }) => options)
    const durations = options
      .map(({ defaultValue }) => String(defaultValue))
      .filter((text) => /^\d+[a-z]+$/.test(text))
    expect(durations.length).toBeGreaterThan(5)
    for (const text of durations) expect(formatDuration(parseDuration(text, "--x", anything))).toBe(text)
  })
})
