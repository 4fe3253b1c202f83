import type { Results, WrittenRow } from "../results.ts"
import { figure } from "../table.ts"
import type { Figure } from "./svg.ts"

const begin = "<!-- figures -->"
const end = "<!-- end of figures -->"

/** The two pictures that README shows; all others stand in native-notes/measurements.md. */
const inReadme: readonly string[] = ["time-to-open", "apply"]

/** A document that shows results, and what stands between its two markers. */
export interface DocumentBlock {
  /** From the top of the repository. */
  readonly path: string
  readonly text: string
}

/** What the documents show of these results; nothing before there are any. */
export function documentBlocks(
  results: Results | undefined,
  figures: readonly Figure[],
): readonly DocumentBlock[] {
  const pictures = (shown: readonly Figure[], folder: string): string =>
    shown.map(({ name, alt }) => `![${alt}](${folder}/${name}.svg)\n`).join("\n")
  const isInReadme = ({ name }: Figure): boolean => inReadme.includes(name)
  const others = figures.filter((figure) => !isInReadme(figure))
  return [
    {
      path: "README.md",
      text:
        results === undefined
          ? ""
          : `${summary(results)}\n${pictures(figures.filter(isInReadme), "test/bench/figures")}`,
    },
    { path: "native-notes/measurements.md", text: pictures(others, "../test/bench/figures") },
  ]
}

/** The document with this block in place of what it has. @throws when the two markers are not there, once each, in order */
export function withBlock(document: string, { path, text }: DocumentBlock): string {
  const [before, rest, more] = document.split(begin)
  const [, after, late] = rest?.split(end) ?? []
  if (before === undefined || after === undefined || more !== undefined || late !== undefined)
    throw new Error(`${path} wants "${begin}" and "${end}" once each, in this order`)
  return `${before}${begin}\n${text}${end}${after}`
}

/** One table, and where all this is from. */
function summary(results: Results): string {
  const { machine, measured, commit } = results
  const again = results.cases
    .flatMap((one) => (one.again === undefined ? [] : `; ${one.name} again ${moment(one.again)}`))
    .join("")
  return [
    ...table(results),
    "",
    `Medians, from one run of \`scripts/bench\` ${moment({ measured, commit })}${again},`,
    `on ${machine.cores} cores of ${machine.processor}${machine.virtual === "yes" ? ", a virtual machine" : ""}; Linux ${machine.kernel}; ${machine.system}; Node.js ${machine.node}.`,
    "Every sample: [test/bench/results.json](test/bench/results.json). How each is measured, each contender's setup and why,",
    "and more figures: [native-notes/measurements.md](native-notes/measurements.md).",
    "",
  ].join("\n")
}

const moment = ({ measured, commit }: { measured: string; commit?: string | undefined }): string =>
  `on ${measured.slice(0, 10)}${commit === undefined ? "" : ` at commit ${commit}`}`

/** One column a contender: what of the results fits one line each. */
function table({ cases, contenders }: Results): string[] {
  const rowsOf = (name: string): readonly WrittenRow[] => cases.find((one) => one.name === name)?.rows ?? []
  const names = contenders.map(({ name }) => name)
  const line = (what: string, cell: (contender: string) => string): string =>
    `| ${[what, ...names.map(cell)].join(" | ")} |`
  const value = (rows: readonly WrittenRow[], contender: string): string => {
    const row = rows.find((one) => one.contender === contender)
    if (row === undefined) return ""
    if (row.median === undefined) return row.reason ?? "-"
    // "20 of 20" is a count; everything else has three digits that matter.
    return `${row.unit.startsWith("of ") ? row.median : figure(row.median)} ${row.unit}`
  }
  const opening = rowsOf("time-to-open")
  const variants = [...new Set(opening.map(({ variant }) => variant))]
  // A first open, and what the sender takes, are the same whatever the lockout is: one such line says it.
  const openings = [
    ...variants.filter((variant) => variant.endsWith(": wire to open")),
    ...variants.filter((variant) => variant.endsWith(": first open of a session")).slice(0, 1),
    ...variants.filter((variant) => variant.endsWith(": command to open")).slice(0, 1),
  ]
  const weight = rowsOf("weight")
  const idle = weight.filter(({ unit }) => unit === "% of a core")
  const worst = rowsOf("floods").filter(({ variant }) => variant.startsWith("100000/s"))
  const kinds = [...new Set(worst.map(({ variant }) => variant))]
  const faults = rowsOf("faults")
  const stood = (contender: string): string => {
    const own = faults.filter((row) => row.contender === contender)
    return own.length === 0 ? "" : `${own.filter((row) => row.stood).length} of ${own.length}`
  }
  return [
    line("", (name) => name),
    `|---|${names.map(() => "---").join("|")}|`,
    ...openings.map((variant) =>
      line(variant, (name) =>
        value(
          opening.filter((row) => row.variant === variant),
          name,
        ),
      ),
    ),
    ...["memory, proportional", "memory, were it alone"].map((variant) =>
      line(`${variant}, while armed`, (name) =>
        value(
          weight.filter((row) => row.variant === variant),
          name,
        ),
      ),
    ),
    line("processor while idle", (name) => value(idle, name)),
    ...kinds.map((variant) =>
      line(`knocks that open at ${variant}`, (name) =>
        value(
          worst.filter((row) => row.variant === variant),
          name,
        ),
      ),
    ),
    line("faults that it stands", stood),
  ]
}
