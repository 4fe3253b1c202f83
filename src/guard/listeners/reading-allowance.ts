/** The most that may be read at once, in lines and 512 bytes: some 2000 knocks, as when a team knocks at many addresses. */
const mostAtOnce = 4000
/** The most that is read in the long run, in the same measure a second: a real listener has a few of either to say. */
const aSecond = 2000
/** No pause is longer: the end of a listener that was killed is heard behind all that it had written. Milliseconds. */
const longestPauseMs = 1000
/** So much has to be there before reading goes on, so that it does not stop at every line. */
const enough = 100

/**
 * Measures out how fast a listener is read. One that an attacker took over is not listened to any faster, so that it cannot
 * keep the guard or the processor busy; one that has heard many knocks at once is heard to the end, and not left alone with
 * them for a second, in which its pipe would fill.
 */
export class ReadingAllowance {
  #left = mostAtOnce
  #countedMs: number

  /** @param nowMs a clock in milliseconds that never steps, here and in {@link spend} */
  constructor(nowMs: number) {
    this.#countedMs = nowMs
  }

  /**
   * Takes note of what was read.
   * @returns how long reading has to stop now, in milliseconds; 0 when it may go on
   */
  spend(lines: number, bytes: number, nowMs: number): number {
    const earned = ((nowMs - this.#countedMs) * aSecond) / 1000
    this.#countedMs = nowMs
    this.#left = Math.min(mostAtOnce, this.#left + earned) - lines - bytes / 512
    const pauseMs = Math.ceil(((enough - this.#left) * 1000) / aSecond)
    return this.#left > 0 ? 0 : Math.min(longestPauseMs, pauseMs)
  }
}
