import { Fault } from "../../errors.ts"

/**
 * Reads the `tcp/22` of `--check`.
 * @throws Fault `usage` for anything but `tcp/` and a port, 1 to 65535
 */
export function parsePort(text: string): number {
  const port = tcpPortOf(text)
  if (port !== undefined) return port
  throw new Fault(
    "usage",
    `--check "${text}" cannot be checked: tcp/ and a port from 1 to 65535 is wanted, such as tcp/22`,
  )
}

/** The port of `tcp/PORT`, 1 to 65535; undefined for anything else. */
export function tcpPortOf(text: string): number | undefined {
  const port = Number(/^tcp\/([0-9]{1,5})$/.exec(text)?.[1] ?? 0)
  return port >= 1 && port <= 65_535 ? port : undefined
}
