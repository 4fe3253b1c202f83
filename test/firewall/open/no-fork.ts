import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"

const hierarchy = "/sys/fs/cgroup/pids"

/** Why the pids limit cannot be reached here on purpose, or undefined. */
export const noForkUnavailable: string | undefined = existsSync(`${hierarchy}/cgroup.procs`)
  ? undefined
  : "this kernel or container shows no pids controller of cgroup v1"

/** Takes from this process, for the time of `task`, the power to start any other: the pids limit is reached. */
export async function withoutFork(task: () => Promise<void>): Promise<void> {
  const group = `${hierarchy}/fw-watchdog-test-${process.pid}`
  mkdirSync(group)
  try {
    writeFileSync(`${group}/cgroup.procs`, `${process.pid}`)
    writeFileSync(`${group}/pids.max`, readFileSync(`${group}/pids.current`, "utf8").trim())
    const refused = spawnSync("true").error as NodeJS.ErrnoException | undefined
    if (refused?.code !== "EAGAIN") throw new Error(`a fork was still possible: ${refused?.code}`)
    await task()
  } finally {
    writeFileSync(`${hierarchy}/cgroup.procs`, `${process.pid}`)
    rmdirSync(group)
  }
}
