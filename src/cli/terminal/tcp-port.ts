import { Fault } from "../../errors.ts"

/**
 * Reads the `tcp/22` of `--check`.
 * @throws Fault `usage` for anything but `tcp/` and a port, 1 to 65535
 */
export function parsePort(text: string): number {
  const match = /^tcp\/([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[1] ?? 0)
  if (port >= 1 && port <= 65_535) return port
  throw new Fault(
    "usage",
    `--check "${text}" cannot be checked: tcp/ and a port from 1 to 65535 is wanted, such as tcp/22`,
  )
}
