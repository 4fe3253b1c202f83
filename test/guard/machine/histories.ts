import type { step } from "../../../src/guard/machine/step.ts"
import { runHistory } from "./model.ts"

/**
 * Runs so many histories, each from a seed of its own that is printed when a promise is broken.
 * @param mutated another machine, with a fault put in on purpose; always the same histories, since a fault may break another promise
 *   first in others (one confirmed during its revert breaks "no revert behind a rollback" first in 3 of 50)
 * @returns the first that broke one, with the seed to repeat it by
 */
export function histories(count: number, mutated?: typeof step): { broken: { seed: number; why: string }[] } {
  const own = mutated === undefined ? Date.now() % 1_000_000_000 : 1
  const first = Number(process.env.FW_SEED ?? own)
  process.stdout.write(`histories: ${count} from seed ${first} (FW_SEED=${first} repeats them)\n`)
  const broken: { seed: number; why: string }[] = []
  for (let seed = first; seed < first + count && broken.length < 1; seed += 1) {
    try {
      runHistory(seed, mutated)
    } catch (thrown) {
      broken.push({ seed, why: thrown instanceof Error ? thrown.message : String(thrown) })
    }
  }
  return { broken }
}
