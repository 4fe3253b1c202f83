/** The units of a duration, in milliseconds. */
export const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * A duration as every message, default and document writes it, and the options read a round one: the two largest units
 * that count, rounded down (`29m 58s`, `2h`, `1d 4h`); below 10 s, what is no whole second in milliseconds (`2150ms`).
 * Less than nothing is `0s`.
 */
export function formatDuration(milliseconds: number): string {
  if (!(milliseconds > 0)) return "0s"
  const whole = Math.floor(milliseconds)
  if (whole < 1000 || (whole < 10_000 && whole % 1000 > 0)) return `${whole}ms`
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
