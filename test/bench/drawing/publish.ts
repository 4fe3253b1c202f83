import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { benchFolder } from "../paths.ts"
import type { Results } from "../results.ts"
import { figuresOf } from "./figures.ts"
import { figuresBlock, withBlock } from "./readme-block.ts"
import { svgOf } from "./svg.ts"

/** Draws these results into test/bench/figures, and fills README's figures in. */
export function publish(results: Results): void {
  const folder = join(benchFolder, "figures")
  mkdirSync(folder, { recursive: true })
  const figures = figuresOf(results)
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  for (const figure of figures) writeFileSync(join(folder, `${figure.name}.svg`), svgOf(figure))
  const readme = join(benchFolder, "../../README.md")
  writeFileSync(readme, withBlock(readFileSync(readme, "utf8"), figuresBlock(results, figures)))
}
