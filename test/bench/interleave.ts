/**
 * A B C A B C ...: what disturbs the machine for a while disturbs everybody, and not the one whose turn it was. One that
 * fails `patience` times in a row has shown it, and is not asked again.
 */
export async function interleave<Entrant, Result>(
  entrants: readonly Entrant[],
  rounds: number,
  run: (entrant: Entrant, round: number) => Promise<Result>,
  failed: (result: Result) => boolean = () => false,
  patience = 3,
): Promise<Map<Entrant, Result[]>> {
  const results = new Map<Entrant, Result[]>(entrants.map((entrant) => [entrant, []]))
  for (let round = 0; round < rounds; round++)
    for (const [entrant, earlier] of results) {
      if (earlier.length >= patience && earlier.slice(-patience).every(failed)) continue
      earlier.push(await run(entrant, round))
    }
  return results
}
