import type { Contender } from "./contender.ts"
import { oldRecipe } from "./old-recipe.ts"
import { ours, oursPlain } from "./ours.ts"

/** Everybody who takes part. Ours comes first: the others' ratios are to it. */
export const contenders: readonly [Contender, ...Contender[]] = [ours, oursPlain, oldRecipe]
