export interface Interleaving<Result> {
  readonly rounds: number
  /** Who fails three times in a row has shown it, and is not asked again. */
  readonly failed?: (result: Result) => boolean
  /** No round begins later than this, but for the first three: a slow machine makes fewer, and the results say how many. */
  readonly budgetMs: number
}

const patience = 3

/**
 * A B C, C B A, A B C ...: what disturbs the machine for a while disturbs everybody, and not the one whose turn it was. And
 * nobody always comes after the same one, which may leave the caches full of what he needs.
 */
export async function interleave<Entrant, Result>(
  entrants: readonly Entrant[],
  { rounds, failed = () => false, budgetMs }: Interleaving<Result>,
  run: (entrant: Entrant, round: number) => Promise<Result>,
): Promise<Map<Entrant, Result[]>> {
  const results = new Map<Entrant, Result[]>(entrants.map((entrant) => [entrant, []]))
  const until = performance.now() + budgetMs
  for (let round = 0; round < rounds; round++) {
    if (round >= patience && performance.now() > until) break
    const inTurn = [...results]
    for (const [entrant, earlier] of round % 2 === 0 ? inTurn : inTurn.reverse()) {
      if (earlier.length >= patience && earlier.slice(-patience).every(failed)) continue
      earlier.push(await run(entrant, round))
    }
  }
  return results
}
