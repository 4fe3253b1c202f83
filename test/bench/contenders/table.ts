import type { Contender } from "./contender.ts"
import { fwknop } from "./fwknop.ts"
import { knockd } from "./knockd.ts"
import { oldRecipe, oldRecipeScapy } from "./old-recipe.ts"
import { ours, oursOverTcp, oursPlain } from "./ours.ts"

/** Everybody who takes part. Ours comes first: the others' ratios are to it. */
export const contenders: readonly [Contender, ...Contender[]] = [
  ours,
  oursOverTcp,
  oursPlain,
  oldRecipe,
  oldRecipeScapy,
  fwknop,
  knockd,
]

/** One of each kind of server: the recipe's is the same whoever sends. */
export const servers: readonly [Contender, ...Contender[]] = [ours, oursPlain, oldRecipe, fwknop, knockd]

/** Those that claim to stand against something. */
export const rivals: readonly [Contender, ...Contender[]] = [ours, oldRecipe, fwknop, knockd]
