import { writeFileSync } from "node:fs"
import { setPriority } from "node:os"

/** Never chosen by the kernel when memory runs out; proc(5), oom_score_adj. */
const neverKilled = "-1000"
const ordinary = "0"
/** Ahead of whatever else wants the processor, but not of everything; setpriority(2). */
const raised = -10

/** Keeps the guard alive and on time on a machine that is short of memory and processors. What is refused is done without. */
export function favourGuard(): void {
  favour(neverKilled, raised)
}

/** A listener is disposable: it inherits the guard's favours and gives them back. */
export function favourNobody(): void {
  favour(ordinary, 0)
}

function favour(oomScore: string, priority: number): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", oomScore)
  } catch {
    // A container may not lower it.
  }
  try {
    setPriority(priority)
  } catch {
    // Nor raise its priority.
  }
}
