import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { finishInterruptedRestores, restoreSnapshot } from "../../../src/firewall/restore/restore.ts"
import { takeSnapshot } from "../../../src/firewall/snapshot/snapshot.ts"
import { saveSnapshot } from "../../../src/firewall/snapshot/store/store.ts"
import type { Host, Lab } from "../lab/lab.ts"
import { compiledSource } from "./compiled.ts"
import { independentView } from "./independent-views.ts"
import { firewallOf, hostWith } from "./lab-firewall.ts"

/** What is in force after a restore whose guard was killed. */
export type Aftermath = "old" | "new" | "half"

export interface KillBench {
  /** Lasts as long as an undisturbed restore, in milliseconds: kills are drawn from this and a little more. */
  readonly lastsMs: number
  /** Brings the old state back, starts a guard that restores the new one, and kills it `afterMs` after it began. */
  guardKilled(afterMs: number): Promise<Aftermath>
  /** The same, but everything that restores is killed with it, and then a new guard starts. */
  allKilled(afterMs: number): Promise<{ before: Aftermath; after: Aftermath }>
}

/** A host whose rules (`newScript`) have been snapshot, and then replaced (`oldScript`). */
export async function killBench(lab: Lab, newScript: string, oldScript: string): Promise<KillBench> {
  const dist = compiledSource(lab)
  const host = hostWith(lab, newScript)
  const deps = firewallOf(host)
  const wanted = await takeSnapshot(deps, "open")
  const views = { new: independentView(host), old: "" }
  host.sh(oldScript)
  const old = await takeSnapshot(deps, "old")
  views.old = independentView(host)
  const folder = join(lab.folder, "journal")
  const path = await saveSnapshot(join(lab.folder, "saved"), wanted)
  const program = join(lab.folder, "guard.js")
  writeFileSync(program, guardProgram(dist, path, folder))
  const look = (): Aftermath => {
    const view = independentView(host)
    return view === views.new ? "new" : view === views.old ? "old" : "half"
  }
  const bringOldBack = async (): Promise<void> => {
    const report = await restoreSnapshot(deps, old, { folder })
    if (!report.ok || look() !== "old")
      throw new Error(`the old rules did not come back: ${JSON.stringify(report)}`)
  }
  const started = Date.now()
  await restoreSnapshot(deps, wanted, { folder })
  const lastsMs = Date.now() - started
  if (look() !== "new") throw new Error("the new rules did not come")

  const kill = async (afterMs: number, all: boolean): Promise<void> => {
    await bringOldBack()
    const guard = host.start([process.execPath, program])
    const ended = new Promise<void>((resolve) => guard.once("exit", () => resolve()))
    await new Promise<void>((resolve) => guard.stdout?.once("data", () => resolve()))
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    if (all) for (let n = 0; n < 20; n++) killEverythingIn(host)
    else guard.kill("SIGKILL")
    await ended
    // The script works on by itself; it has ended when the namespace is empty.
    for (let n = 0; pidsIn(host).length > 0; n++) {
      if (n > 500) throw new Error("the restore does not end")
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  return {
    lastsMs,
    guardKilled: async (afterMs) => {
      await kill(afterMs, false)
      return look()
    },
    allKilled: async (afterMs) => {
      await kill(afterMs, true)
      const before = look()
      await finishInterruptedRestores(deps, { folder })
      return { before, after: look() }
    },
  }
}

function pidsIn(host: Host): string[] {
  return execFileSync("ip", ["netns", "pids", host.netns], { encoding: "utf8" }).split("\n").filter(Boolean)
}

/** Only what this bench started runs in its namespace. */
function killEverythingIn(host: Host): void {
  for (const pid of pidsIn(host))
    try {
      process.kill(Number(pid), "SIGKILL")
    } catch {
      // It ended by itself in between.
    }
}

function guardProgram(dist: string, snapshot: string, folder: string): string {
  return `
import { systemClock } from "${dist}/system/system-clock.js"
import { runCommand } from "${dist}/system/process/run-command.js"
import { loadSnapshot } from "${dist}/firewall/snapshot/store/store.js"
import { findTools } from "${dist}/firewall/tools/tool-paths.js"
import { findSystemTools } from "${dist}/system/process/system-tools.js"
import { restoreSnapshot } from "${dist}/firewall/restore/restore.js"
const deps = { run: runCommand, clock: systemClock, tools: findTools(), system: findSystemTools() }
const snapshot = loadSnapshot("${snapshot}")
process.stdout.write("begins\\n")
await restoreSnapshot(deps, snapshot, { folder: "${folder}" })
`
}

/** mulberry32: the same kills again from the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
