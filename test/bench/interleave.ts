export interface Interleaving<Result> {
  readonly rounds: number
  /** Who fails three times in a row has shown it, and is not asked again. */
  readonly failed?: (result: Result) => boolean
  /** No round begins later than this, but for the first three: a slow machine makes fewer, and the results say how many. */
  readonly budgetMs: number
}

const patience = 3

/** A B C A B C ...: what disturbs the machine for a while disturbs everybody, and not the one whose turn it was. */
export async function interleave<Entrant, Result>(
  entrants: readonly Entrant[],
  { rounds, failed = () => false, budgetMs }: Interleaving<Result>,
  run: (entrant: Entrant, round: number) => Promise<Result>,
): Promise<Map<Entrant, Result[]>> {
  const results = new Map<Entrant, Result[]>(entrants.map((entrant) => [entrant, []]))
  const until = performance.now() + budgetMs
  for (let round = 0; round < rounds; round++) {
    if (round >= patience && performance.now() > until) break
    for (const [entrant, earlier] of results) {
      if (earlier.length >= patience && earlier.slice(-patience).every(failed)) continue
      earlier.push(await run(entrant, round))
    }
  }
  return results
}
