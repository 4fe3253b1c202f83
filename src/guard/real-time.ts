import { type StartLoader, startLoader } from "../firewall/open/standby.ts"
import { runCommand } from "../firewall/run-command.ts"
import { findProgram } from "../firewall/snapshot-tools.ts"

/** Priorities of sched(7), of 99. A loader is ahead of its guard: it begins when the guard writes, not when that has no more to do. */
const priorities = { guard: 1, loader: 2 } as const

/**
 * Puts a process ahead of every ordinary one: SCHED_RR at the lowest priorities, sched(7). For the guard and the loaders that
 * wait with it, which do a millisecond of work a knock: on a busy machine they would queue for each of their wake-ups. Its
 * children begin as ordinary ones (SCHED_RESET_ON_FORK): the listener, which strangers feed, and whatever reads or
 * rehearses a hundred thousand rules. Where it is refused (a container, a group scheduler), favourGuard() has to do.
 */
export function realTime(pid: number, who: keyof typeof priorities): void {
  const chrt = findProgram("chrt")
  if (chrt === undefined) return
  const args = ["--reset-on-fork", "--rr", "--pid", String(priorities[who]), String(pid)]
  runCommand({ path: chrt, args }).catch(() => {})
}

/** {@link startLoader} for loaders that an open waits for. */
export const startAhead: StartLoader = (command, events) => {
  const loader = startLoader(command, events)
  if (loader.pid !== undefined) realTime(loader.pid, "loader")
  return loader
}
