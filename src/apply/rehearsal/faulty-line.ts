import type { ScriptRun } from "./run-in-copy.ts"

/** The line (from 1) that a restore stumbled over. One that it only met at COMMIT is looked for by halves. */
export async function faultyLine(
  lines: readonly string[],
  stderr: string,
  load: (text: string) => Promise<ScriptRun>,
): Promise<number | undefined> {
  const said = /\bline:? (\d+)/.exec(stderr)?.[1]
  if (said === undefined) return undefined
  const line = Number(said)
  if (!/^COMMIT\b/.test(lines[line - 1] ?? "")) return line
  const start = lines.slice(0, line).findLastIndex((one) => one.startsWith("*"))
  const rules = lines
    .map((_, index) => index)
    .filter((index) => index > start && index < line - 1 && /^(\[\d+:\d+\] )?-/.test(lines[index] ?? ""))
  // The head of the table, all its chains, and the first `count` rules.
  const isFine = async (count: number): Promise<boolean> => {
    const left = new Set(rules.slice(count))
    const text = lines.slice(start, line).filter((_, index) => !left.has(start + index))
    return (await load(`${text.join("\n")}\n`)).exitCode === 0
  }
  let [fine, broken] = [0, rules.length]
  if (!(await isFine(0))) return line
  while (broken - fine > 1) {
    const middle = Math.floor((fine + broken) / 2)
    if (await isFine(middle)) fine = middle
    else broken = middle
  }
  return (rules[broken - 1] ?? line - 1) + 1
}
