import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { figuresOf } from "./drawing/figures.ts"
import { figuresBlock, withBlock } from "./drawing/readme-block.ts"
import { svgOf } from "./drawing/svg.ts"
import { benchFolder } from "./paths.ts"
import { readResults, resultsPath } from "./results.ts"

/** The committed results; before the first whole run there are none, and then there must be no figures either. */
const results = existsSync(resultsPath) ? readResults() : undefined
const figures = results === undefined ? [] : figuresOf(results)

describe("what README shows is what was measured", () => {
  it("its table and its pictures are those of the committed results", () => {
    const readme = readFileSync(join(benchFolder, "../../README.md"), "utf8")
    expect(readme).toBe(withBlock(readme, results === undefined ? "" : figuresBlock(results, figures)))
  })

  it("every picture is drawn from the committed results, and there is no other", () => {
    const folder = join(benchFolder, "figures")
    const drawn = existsSync(folder) ? readdirSync(folder).sort() : []
    expect(drawn).toEqual(figures.map(({ name }) => `${name}.svg`).sort())
    for (const figure of figures)
      expect(readFileSync(join(folder, `${figure.name}.svg`), "utf8"), figure.name).toBe(svgOf(figure))
  })

  it("they are of a whole run, in which nothing was left out", () => {
    expect(results?.quick ?? false).toBe(false)
    for (const { name, rows } of results?.cases ?? [])
      for (const { variant, contender, samples, stood, reason } of rows)
        expect(
          samples.length > 0 || stood !== undefined || reason !== undefined,
          `${name}, ${variant}, ${contender}: neither a figure nor a reason`,
        ).toBe(true)
  })
})
