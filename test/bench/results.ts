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

export const resultsPath = join(benchFolder, "results.json")

export const readResults = (path = resultsPath): Results => JSON.parse(readFileSync(path, "utf8")) as Results
