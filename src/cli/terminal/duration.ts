import { Fault } from "../../errors.ts"

const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
type Unit = keyof typeof unitsMs

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
  const milliseconds = Number(match[1]) * unitsMs[match[2] as Unit]
  if (milliseconds < bounds.min || milliseconds > bounds.max) {
    const wanted = `${formatDuration(bounds.min)} to ${formatDuration(bounds.max)} is wanted`
    throw new Fault("usage", `${option} ${text} is out of bounds: ${wanted}`)
  }
  return milliseconds
}

/**
 * A duration for people and, for a round value, in the form that `parseDuration` reads: the two largest units that count,
 * rounded down (`29m 58s`, `2h`, `1d 4h`, `250ms`). Less than nothing is `0s`.
 */
export function formatDuration(milliseconds: number): string {
  if (!(milliseconds > 0)) return "0s"
  if (milliseconds < 1000) return `${Math.floor(milliseconds)}ms`
  const parts: string[] = []
  let rest = Math.floor(milliseconds / 1000) * 1000
  for (const unit of ["d", "h", "m", "s"] as const) {
    const count = Math.floor(rest / unitsMs[unit])
    rest -= count * unitsMs[unit]
    if (count > 0) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join(" ")
}
