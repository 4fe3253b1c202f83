const firstSendsMs = [0, 50, 150, 400]
const everyMs = 400

/**
 * When the `n`-th copy of a request is due, in milliseconds after its first one: 0, 50, 150, 400, then every 400.
 * @param n 0 for the first copy
 */
export function sendDueMs(n: number): number {
  const last = firstSendsMs.length - 1
  return firstSendsMs[n] ?? (firstSendsMs[last] ?? 0) + (n - last) * everyMs
}
