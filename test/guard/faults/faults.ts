import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { expect } from "vitest"
import { eventually } from "../../support/lab/programs.ts"
import { ControlGroup } from "./cgroup.ts"
import type { FaultStage, Knocked } from "./stage.ts"

/** Something that goes wrong around an armed session. */
export interface Fault {
  readonly name: string
  /** Makes it, has `times` knocks sent, and takes it away again. */
  readonly run: (stage: FaultStage, times: number) => Promise<Knocked>
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const killAll = (pids: readonly number[]): void => {
  for (const pid of pids) process.kill(pid, "SIGKILL")
}

/** kill -9, and the knock 100 ms later, whatever has or has not been started again by then. */
const killing = (name: string, whom: (stage: FaultStage) => number[]): Fault => ({
  name,
  run: async (stage, times) => {
    stage.armed.arm("--timeout", "30m")
    let killed = 0
    const knocked = await stage.knock(times, async () => {
      const pids = whom(stage)
      killed += pids.length // none, when those before it died so often that the next are given time
      killAll(pids)
      await pause(100)
    })
    expect(killed).toBeGreaterThan(times / 2)
    return knocked
  },
})

const listener = (stage: FaultStage): number[] => [stage.armed.status().listenerPid as number]

/**
 * Takes what is left of the group's memory, whenever something is, and begins again when it was ended for it. The kernel is
 * to choose it before the guard: elsewhere the guard's oom_score_adj of -1000 sees to that; without CAP_SYS_RESOURCE, as
 * here, it may not be lowered, so this one's is raised, and there are several, so that one is always there to be chosen.
 */
const eater = `while :; do
  sh -c 'ulimit -v 500000; echo 1000 >/proc/self/oom_score_adj; echo $$ >"$1"/cgroup.procs; exec python3 -c "$2" "$1"' - "$1" "
import sys, time
number = lambda name: int(open(sys.argv[1] + '/memory.' + name).read())
hold = []
while True:
    if number('usage_in_bytes') + (1 << 18) < number('limit_in_bytes'):
        hold.append(bytearray(1 << 18))
    else:
        time.sleep(0.002)
"
done`

const isEater = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim() === "1000"
  } catch {
    return false // it has gone
  }
}

const memory: Fault = {
  name: "memory: control group at its limit, another process eating in it",
  run: async (stage, times) => {
    stage.armed.arm("--timeout", "30m")
    const { memory: group } = stage
    group.write("memory.limit_in_bytes", group.read("memory.usage_in_bytes") + (64 << 20))
    const eating = [1, 2, 3].map(() => spawn("sh", ["-c", eater, "-", group.path], { stdio: "ignore" }))
    for (const one of eating) stage.lab.own(one)
    await eventually("the limit", () => group.read("memory.failcnt") > 0)
    try {
      return await stage.knock(times)
    } finally {
      for (const one of eating) one.kill("SIGKILL")
      // The limit stays until the last of them has gone, or it would eat this machine's memory.
      await eventually("the end of the eaters", () => {
        for (const pid of group.pids()) if (isEater(pid)) process.kill(pid, "SIGKILL")
        return !group.pids().some(isEater)
      })
    }
  },
}

const pids: Fault = {
  name: "processes: pids limit reached",
  run: async (stage, times) => {
    stage.armed.arm("--timeout", "30m")
    await stage.knock(1) // legacy tables that the lockouts make are there, as on a machine that uses them
    const group = new ControlGroup("pids", stage.lab.id)
    group.take(stage.processes())
    group.write("pids.max", 1)
    try {
      return await stage.knock(times)
    } finally {
      group.write("pids.max", 32_768)
      stage.armed.disarm()
      await eventually("the end of the control group", () => group.tryRemove())
    }
  },
}

const descriptors: Fault = {
  name: "descriptors: guard and listener have none left",
  run: async (stage, times) => {
    stage.armed.arm("--timeout", "30m")
    await pause(3000) // the proof after arming has ended
    const { guardPid, listenerPid } = stage.armed.status()
    for (const pid of [guardPid, listenerPid]) {
      const most = Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number)) + 1
      const { uid, gid } = statSync(`/proc/${pid}`) // who has not the right to change others may change his own
      const own = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"]
      execFileSync("setpriv", [...own, "prlimit", `--pid=${pid}`, `--nofile=${most}:${most}`])
    }
    return await stage.knock(times)
  },
}

/** State and runtime folder on small file systems of their own. */
async function onSmallDisks(
  stage: FaultStage,
  knock: (folders: { readonly state: string; readonly runtime: string }) => Promise<Knocked>,
): Promise<Knocked> {
  const { RUNTIME_DIRECTORY: runtime = "", STATE_DIRECTORY: state = "" } = stage.armed.environment
  for (const folder of [state, runtime]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=0700", "none", folder])
  }
  try {
    return await knock({ state, runtime })
  } finally {
    stage.armed.disarm()
    for (const folder of [state, runtime]) {
      execFileSync("umount", ["-l", folder])
      rmSync(folder, { recursive: true })
    }
  }
}

/** Takes every byte that is left. */
function fill(folder: string): void {
  for (const size of [65_536, 4096, 1])
    try {
      for (let at = 0; ; at += 1) writeFileSync(join(folder, `full-${size}-${at}`), Buffer.alloc(size))
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "ENOSPC") throw thrown
    }
}

const hogs: Fault = {
  name: "processors: two endless loops on each",
  run: async (stage, times) => {
    stage.armed.arm("--timeout", "30m")
    const running = Array.from({ length: 2 * cpus().length }, () =>
      spawn("sh", ["-c", "while :; do :; done"], { stdio: "ignore" }),
    )
    for (const hog of running) stage.lab.own(hog)
    try {
      return await stage.knock(times)
    } finally {
      for (const hog of running) hog.kill("SIGKILL")
    }
  },
}

export const faults: readonly Fault[] = [
  {
    name: "none, to compare with",
    run: async (stage, times) => {
      stage.armed.arm("--timeout", "30m")
      return await stage.knock(times)
    },
  },
  killing("listener killed 100 ms before", listener),
  killing("every loader killed 100 ms before", (stage) => stage.loaders()),
  killing("listener and every loader killed 100 ms before", (stage) => [
    ...listener(stage),
    ...stage.loaders(),
  ]),
  memory,
  pids,
  descriptors,
  {
    name: "disk: state and runtime folder full",
    run: async (stage, times) =>
      await onSmallDisks(stage, async ({ state, runtime }) => {
        stage.armed.arm("--timeout", "30m")
        fill(state)
        fill(runtime)
        return await stage.knock(times)
      }),
  },
  {
    name: "disk: state folder read-only, runtime folder full",
    run: async (stage, times) =>
      await onSmallDisks(stage, async ({ state, runtime }) => {
        execFileSync("mount", ["-o", "remount,ro", state])
        stage.armed.arm("--timeout", "30m")
        fill(runtime)
        return await stage.knock(times)
      }),
  },
  hogs,
]
