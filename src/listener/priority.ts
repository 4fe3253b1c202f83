import { writeFileSync } from "node:fs"
import { setPriority } from "node:os"

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
