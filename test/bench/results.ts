import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Row, Target } from "./case.ts"
import { benchFolder } from "./paths.ts"
import type { Summary } from "./statistics.ts"

/** One row as it is written down: every sample, and what is made of them. */
export interface WrittenRow extends Row, Partial<Summary> {
  /** This median over ours of the same variant. */
  readonly ratio?: number
}

export interface WrittenCase {
  readonly name: string
  readonly title: string
  readonly seconds: number
  readonly rows: readonly WrittenRow[]
  readonly targets: readonly Target[]
  /** Why there are no rows. */
  readonly failed?: string
  /** When it was measured again without the others, and at which commit. */
  readonly again?: { readonly measured: string; readonly commit?: string }
}

/** test/bench/results.json. */
export interface Results {
  /** ISO 8601. */
  readonly measured: string
  readonly commit?: string
  readonly quick: boolean
  readonly machine: Readonly<Record<string, string | number>>
  readonly contenders: readonly { readonly name: string; readonly setup: string }[]
  readonly cases: readonly WrittenCase[]
}

/** A whole run with some of its cases measured again later, each in the place of the earlier one. */
export function withAgain(whole: Results, { measured, commit, cases }: Results): Results {
  const again = { measured, ...(commit === undefined ? {} : { commit }) }
  const newer = new Map(cases.map((one) => [one.name, { ...one, again }]))
  return { ...whole, cases: whole.cases.map((one) => newer.get(one.name) ?? one) }
}

export const resultsPath = join(benchFolder, "results.json")

export const readResults = (path = resultsPath): Results => JSON.parse(readFileSync(path, "utf8")) as Results
