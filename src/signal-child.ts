import type { ChildProcess } from "node:child_process"

/**
 * Sends a signal to a process that we started, if it began. Node's own `kill` right after a spawn that failed calls kill(2)
 * with process id 0, which is our whole process group: ourselves among them (libuv, uv_process_kill).
 * @param signal SIGTERM unless told
 */
export function signalChild(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): void {
  if (child.pid !== undefined) child.kill(signal)
}
