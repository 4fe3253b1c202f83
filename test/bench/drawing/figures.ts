import type { Results, WrittenCase, WrittenRow } from "../results.ts"
import { figure } from "../table.ts"
import { type Bar, barFigure, type Panel } from "./bars.ts"
import { faultsFigure } from "./faults-figure.ts"
import { floodsFigure } from "./floods-figure.ts"
import { growthFigure } from "./growth-figure.ts"
import { colourOf } from "./palette.ts"
import type { Figure } from "./svg.ts"

/** Every figure that these results have data for, in the order in which the documents show them. */
export function figuresOf(results: Results): Figure[] {
  const of = (name: string): WrittenCase | undefined => results.cases.find((one) => one.name === name)
  const draw: readonly [string, (measured: WrittenCase) => Figure[]][] = [
    ["time-to-open", (measured) => [wireToOpen(measured), commandToOpen(measured)]],
    ["faults", (measured) => [faultsFigure(measured)]],
    ["floods", (measured) => [floodsFigure(measured)]],
    ["weight", (measured) => [weightFigure(measured)]],
    ["sender-start", (measured) => [senderFigure(measured)]],
    ["growth", (measured) => [growthFigure(measured)]],
    ["apply", (measured) => [applyFigure(measured)]],
  ]
  return draw.flatMap(([name, figures]) => {
    const measured = of(name)
    return measured === undefined || measured.rows.length === 0 ? [] : figures(measured)
  })
}

function bar(row: WrittenRow, lead?: number): Bar {
  const { contender, median, unit, reason, failures } = row
  const missed =
    failures > 0 && median !== undefined ? `, ${failures} of ${failures + (row.runs ?? 0)} failed` : ""
  return {
    name: contender,
    colour: colourOf(contender),
    value: median,
    note: median === undefined ? (reason ?? "not measured") : `${figure(median)} ${unit}${missed}`,
    ...(lead === undefined ? {} : { lead }),
  }
}

function panelsOf(rows: readonly WrittenRow[], titleOf = (variant: string): string => variant): Panel[] {
  const variants = [...new Set(rows.map(({ variant }) => variant))]
  return variants.map((variant) => ({
    title: titleOf(variant),
    bars: rows.filter((row) => row.variant === variant).map((row) => bar(row)),
  }))
}

const read = (rows: readonly WrittenRow[]): string =>
  rows.map((row) => `${row.contender} ${bar(row).note}`).join(", ")

function wireToOpen({ rows }: WrittenCase): Figure {
  const shown = rows.filter(({ variant }) => variant.endsWith(": wire to open"))
  const first = shown.filter(({ variant }) => variant === shown[0]?.variant)
  return barFigure(
    {
      name: "time-to-open",
      alt: `From the knock on the wire to the first packet let through: ${read(first)}`,
      title: "From the knock on the wire to the first packet let through",
      subtitle: "Median; less is better",
    },
    panelsOf(shown, (variant) => variant.replace(": wire to open", "")),
    "shared",
  )
}

function commandToOpen({ rows }: WrittenCase): Figure {
  const shown = rows.filter(
    ({ variant }) => variant === rows[0]?.variant.replace("wire to open", "command to open"),
  )
  return barFigure(
    {
      name: "command-to-open",
      alt: `From the start of the sender's command to the first packet let through: ${read(shown)}`,
      title: "From starting the sender to the first packet let through",
      subtitle: "Median; pale: until its packet is on the wire. iptables-nft policy DROP; less is better",
    },
    [{ title: "", bars: shown.map((row) => bar(row, Number(row.facts?.["to the wire, ms"] ?? 0))) }],
    "shared",
  )
}

function weightFigure({ rows }: WrittenCase): Figure {
  const shown = rows.filter(
    ({ unit, variant }) => variant === "memory, proportional" || unit === "% of a core",
  )
  const first = shown.filter(({ variant }) => variant === shown[0]?.variant)
  return barFigure(
    {
      name: "weight",
      alt: `Memory while armed: ${read(first)}`,
      title: "Weight while armed and idle",
      subtitle: "All processes of each together; less is better",
    },
    panelsOf(shown),
    "own",
  )
}

function senderFigure({ rows }: WrittenCase): Figure {
  const shown = rows.filter(({ variant }) => variant === "start to packet" || variant === "peak memory")
  const first = shown.filter(({ variant }) => variant === shown[0]?.variant)
  return barFigure(
    {
      name: "sender-start",
      alt: `From a sender's start to its packet on the wire: ${read(first)}`,
      title: "What a sender costs",
      subtitle: "Median; node -e 0 sends nothing: the floor of everything that is written for Node.js",
    },
    panelsOf(shown),
    "own",
  )
}

function applyFigure({ rows }: WrittenCase): Figure {
  const first = rows.filter(({ variant }) => variant === rows[0]?.variant)
  return barFigure(
    {
      name: "apply",
      alt: `${rows[0]?.variant} while they are changed: ${read(first)}`,
      title: "Changing the rules by a script of iptables lines",
      subtitle: "Median; lost of 10 000 packets a second while it is done; less is better",
    },
    panelsOf(rows),
    "own",
  )
}
