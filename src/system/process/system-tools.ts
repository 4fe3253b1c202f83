import { Fault } from "../../errors.ts"
import { findProgram } from "./find-program.ts"

/** Programs of every Linux system (util-linux, coreutils, iproute2), by absolute path. */
export interface SystemTools {
  readonly sh: string
  readonly cat: string
  readonly mv: string
  readonly sleep: string
  readonly timeout: string
  readonly setsid: string
  readonly flock: string
  readonly unshare: string
  readonly nsenter: string
  readonly setpriv: string
  readonly ip: string
}

const wanted: readonly (keyof SystemTools)[] = [
  "sh",
  "cat",
  "mv",
  "sleep",
  "timeout",
  "setsid",
  "flock",
  "unshare",
  "nsenter",
  "setpriv",
  "ip",
]

/**
 * Looks for all of them.
 * @throws Fault `missing` naming those that are not there
 */
export function findSystemTools(): SystemTools {
  const found = wanted.map((name) => [name, findProgram(name)] as const)
  const lacking = found.filter(([, path]) => path === undefined).map(([name]) => name)
  if (lacking.length > 0)
    throw new Fault("missing", `cannot find ${lacking.join(", ")} in /usr/sbin, /usr/bin, /sbin, /bin`, {
      hint: "install util-linux, coreutils and iproute2",
    })
  return Object.fromEntries(found) as unknown as SystemTools
}
