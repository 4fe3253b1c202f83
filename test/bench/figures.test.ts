import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { documentBlocks, withBlock } from "./drawing/document-blocks.ts"
import { figuresOf } from "./drawing/figures.ts"
import { svgOf } from "./drawing/svg.ts"
import { benchFolder } from "./paths.ts"
import { readResults, resultsPath } from "./results.ts"

/** The committed results; before the first whole run there are none, and then there must be no figures either. */
const results = existsSync(resultsPath) ? readResults() : undefined
const figures = results === undefined ? [] : figuresOf(results)

describe("what the documents show is what was measured", () => {
  it("README's table and the pictures of README and of the measurements are those of the committed results", () => {
    const blocks = documentBlocks(results, figures)
    for (const block of blocks) {
      const document = readFileSync(join(benchFolder, "../..", block.path), "utf8")
      expect(document, block.path).toBe(withBlock(document, block))
    }
    for (const { name } of figures)
      expect(
        blocks.filter(({ text }) => text.includes(`/figures/${name}.svg`)),
        name,
      ).toHaveLength(1)
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
