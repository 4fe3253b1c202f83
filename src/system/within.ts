import type { Clock, Timer } from "../clock.ts"
import { formatDuration } from "../report/duration.ts"

/**
 * Waits for a task, and no longer than `limitMs`; what it comes to after that is nobody's.
 * @throws what the task throws; Error "not done after ... s"
 */
export async function within<T>(clock: Clock, limitMs: number, task: Promise<T>): Promise<T> {
  let timer: Timer | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = clock.after(limitMs, () => reject(new Error(`not done after ${formatDuration(limitMs)}`)))
  })
  try {
    return await Promise.race([task, tooLate])
  } finally {
    timer?.cancel()
  }
}
