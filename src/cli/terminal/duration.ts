import { Fault } from "../../errors.ts"
import { formatDuration, unitsMs } from "../../report/duration.ts"

/** The bounds of an option, in milliseconds, both ends included. */
export interface DurationBounds {
  readonly min: number
  readonly max: number
}

/**
 * Reads a duration as an operator writes it: digits and one unit, `250ms`, `90s`, `30m`, `2h`, `7d`.
 * @param option the option as the operator knows it (`--timeout`), for the message
 * @returns whole milliseconds within `bounds`
 * @throws Fault `usage` for anything else: a bare number is not taken for seconds, since a wrong guess is a session that
 *   ends too early
 */
export function parseDuration(text: string, option: string, bounds: DurationBounds): number {
  const match = /^([0-9]{1,12})(ms|s|m|h|d)$/.exec(text)
  if (match === null) {
    const hint = /^[0-9]+$/.test(text) ? `a unit is missing: did you mean ${text}s` : undefined
    throw new Fault(
      "usage",
      `${option} "${text}" is not a duration: a number and one of ms, s, m, h, d is wanted, such as 90s or 30m`,
      hint === undefined ? {} : { hint },
    )
  }
  const milliseconds = Number(match[1]) * unitsMs[match[2] as keyof typeof unitsMs]
  if (milliseconds < bounds.min || milliseconds > bounds.max) {
    const wanted = `${formatDuration(bounds.min)} to ${formatDuration(bounds.max)} is wanted`
    throw new Fault("usage", `${option} ${text} is out of bounds: ${wanted}`)
  }
  return milliseconds
}
