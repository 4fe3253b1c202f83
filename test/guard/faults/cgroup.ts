import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Why limits on memory and processes cannot be set here, or undefined. */
export const cgroupUnavailable: string | undefined = ["memory", "pids"].every((controller) =>
  existsSync(`/sys/fs/cgroup/${controller}/cgroup.procs`),
)
  ? undefined
  : "this kernel or container shows no memory and pids controllers of cgroup v1"

/** A control group of its own under one controller of version 1. */
export class ControlGroup {
  readonly path: string

  constructor(controller: "memory" | "pids", name: string) {
    this.path = `/sys/fs/cgroup/${controller}/fw-watchdog-${name}`
    mkdirSync(this.path)
  }

  read(file: string): number {
    return Number(readFileSync(join(this.path, file), "utf8"))
  }

  write(file: string, value: number): void {
    writeFileSync(join(this.path, file), String(value))
  }

  take(pids: readonly number[]): void {
    for (const pid of pids) {
      try {
        this.write("cgroup.procs", pid)
      } catch {
        // It ended in between.
      }
    }
  }

  pids(): number[] {
    return readFileSync(join(this.path, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number)
  }

  /** Goes when the last of its processes has gone; until then the kernel refuses. */
  tryRemove(): boolean {
    try {
      rmdirSync(this.path)
      return true
    } catch {
      return !existsSync(this.path)
    }
  }
}
