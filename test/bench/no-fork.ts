import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"

const hierarchies = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]

/**
 * Takes from processes the power to start any other: they are put into a control group whose limit of processes is what it
 * holds (cgroups(7), the pids controller).
 * @param name of the group, which must not exist
 * @param pids those that belong together, asked again until nobody new is among them
 * @returns ends them all, and gives the group up
 */
export function takeForks(name: string, pids: () => readonly number[]): () => void {
  const hierarchy = hierarchies.find((folder) => existsSync(`${folder}/cgroup.procs`))
  if (hierarchy === undefined) throw new Error("needs the pids controller of control groups")
  const group = `${hierarchy}/${name}`
  mkdirSync(group)
  if (!existsSync(`${group}/pids.max`)) {
    rmdirSync(group)
    throw new Error("needs the pids controller of control groups")
  }
  const inside = new Set<number>()
  for (let news = pids(); news.length > 0; news = pids().filter((pid) => !inside.has(pid)))
    for (const pid of news) {
      writeFileSync(`${group}/cgroup.procs`, `${pid}`)
      inside.add(pid)
    }
  writeFileSync(`${group}/pids.max`, readFileSync(`${group}/pids.current`, "utf8").trim())
  return () => {
    for (const pid of readFileSync(`${group}/cgroup.procs`, "utf8").split("\n").filter(Boolean))
      process.kill(Number(pid), "SIGKILL")
    // A process that was killed leaves its group a little later.
    for (let tries = 0; tries < 50; tries += 1)
      try {
        rmdirSync(group)
        return
      } catch {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
      }
  }
}
