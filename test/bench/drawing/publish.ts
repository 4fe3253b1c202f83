import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { benchFolder } from "../paths.ts"
import type { Results } from "../results.ts"
import { documentBlocks, withBlock } from "./document-blocks.ts"
import { figuresOf } from "./figures.ts"

import { svgOf } from "./svg.ts"

/** Draws these results into test/bench/figures, and fills in what README and native-notes/measurements.md show of them. */
export function publish(results: Results): void {
  const folder = join(benchFolder, "figures")
  mkdirSync(folder, { recursive: true })
  const figures = figuresOf(results)
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  for (const figure of figures) writeFileSync(join(folder, `${figure.name}.svg`), svgOf(figure))
  for (const block of documentBlocks(results, figures)) {
    const path = join(benchFolder, "../..", block.path)
    writeFileSync(path, withBlock(readFileSync(path, "utf8"), block))
  }
}
