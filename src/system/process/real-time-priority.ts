import { writeFileSync } from "node:fs"
import { setPriority } from "node:os"
import { findProgram } from "./find-program.ts"
import { runCommand } from "./run-command.ts"
import { type LoaderCommand, type StartLoader, startLoader } from "./standby-process.ts"

/** Priorities of sched(7), of 99. A loader is ahead of its guard: it begins when the guard writes, not when that has no more to do. */
const priorities = { guard: 1, loader: 2 } as const

/**
 * Puts the guard ahead of every ordinary process: SCHED_RR at the lowest priorities, sched(7). It and the loaders that wait
 * with it ({@link startAhead}) do a millisecond of work a knock: on a busy machine they would queue for each of their
 * wake-ups. Its children begin as ordinary ones (SCHED_RESET_ON_FORK): the listener, which strangers feed, and whatever
 * reads or rehearses a hundred thousand rules. Where it is refused (a container, a group scheduler), favourGuard() has to do.
 * @param pid the guard's
 */
export function realTime(pid: number): void {
  const chrt = findProgram("chrt")
  if (chrt === undefined) return
  const args = ["--reset-on-fork", "--rr", "--pid", String(priorities.guard), String(pid)]
  runCommand({ path: chrt, args }).catch(() => {})
}

/** {@link startLoader} for loaders that an open waits for: each is put ahead, as far as that is granted, before it begins. */
export const startAhead: StartLoader = (command, events) => startLoader(ahead(command), events)

/** By a shell, which then becomes the loader: to start a process takes the guard several milliseconds, and a shell one. */
function ahead({ path, args, ...others }: LoaderCommand): LoaderCommand {
  const [sh, chrt] = [findProgram("sh"), findProgram("chrt")]
  if (sh === undefined || chrt === undefined) return { path, args, ...others }
  const line = `"$0" --reset-on-fork --rr --pid ${priorities.loader} $$ <&- >/dev/null 2>&1; exec "$@"`
  return { path: sh, args: ["-c", line, chrt, path, ...args], ...others }
}

/** Never chosen by the kernel when memory runs out; proc(5), oom_score_adj. */
const neverKilled = "-1000"

const ordinary = "0"

/** Ahead of whatever else wants the processor, but not of everything; setpriority(2). */
const raised = -10

/** Keeps the guard alive and on time on a machine that is short of memory and processors. What is refused is done without. */
export function favourGuard(): void {
  favour(neverKilled)
  hurry(raised)
}

/** A listener that begins is waited for; it has inherited the guard's other favours. */
export function favourBeginner(pid: number): void {
  hurry(raised, pid)
}

/** A listener that has begun is disposable: it gives back what it was favoured with. */
export function favourNobody(): void {
  favour(ordinary)
  hurry(0)
}

function favour(oomScore: string): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", oomScore)
  } catch {
    // A container may not lower it.
  }
}

function hurry(priority: number, pid = 0): void {
  try {
    setPriority(pid, priority)
  } catch {
    // Nor raise a priority.
  }
}
