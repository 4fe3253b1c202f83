import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { leave } from "../../../src/guard/runtime/leave.ts"
import { Snapshots } from "../../../src/guard/state/snapshots.ts"
import { systemClock } from "../../../src/system/system-clock.ts"
import { emptySnapshot } from "../../support/made-snapshots.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fw-snapshots-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const snapshotsIn = (stateFolder: string, runtimeFolder = stateFolder): Snapshots =>
  new Snapshots({
    ...{ clock: systemClock, stateFolder, runtimeFolder, emit: () => {} },
    run: () => Promise.reject(new Error("no command is run")),
  })
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50))

describe("the snapshots on disk", () => {
  it("are the last 20, and all that a session can go back to", async () => {
    const snapshots = snapshotsIn(folder)
    const [lastOpen, other] = [await snapshots.save(emptySnapshot), await snapshots.save(emptySnapshot)]
    snapshots.spare({ arming: undefined, lastOpen, change: undefined })
    for (let count = 0; count < 22; count += 1) await snapshots.save(emptySnapshot)
    await pause()
    expect([existsSync(lastOpen.path), existsSync(other.path)]).toEqual([true, false])
    // Nobody can go back to it any more.
    snapshots.spare({ arming: undefined, lastOpen: undefined, change: undefined })
    await snapshots.save(emptySnapshot)
    await pause()
    expect(existsSync(lastOpen.path)).toBe(false)
  })

  it("get another chance at the end of the session, where there was no room for them", async () => {
    const [state, runtime] = [join(folder, "state"), join(folder, "run")]
    for (const path of [state, runtime]) writeFileSync(path, "")
    const snapshots = snapshotsIn(state, runtime)
    const rules = await snapshots.save(emptySnapshot)
    expect(rules.path).toBe("")
    const since = { atMs: 1, scope: "all", whole: true } as const
    const behind = { open: { since, rules, earlier: undefined }, lastChange: undefined }
    const written: string[] = []
    const writer = {
      write: () => true,
      mark: () => {},
      leave: ({ open }: typeof behind) => void written.push(open.rules.path),
    }
    const end = () => leave(snapshots, writer as never, false, { type: "leave", behind })
    expect(await end()).toEqual({ type: "left", failure: undefined, undoable: false })
    rmSync(state)
    mkdirSync(state)
    expect(await end()).toEqual({ type: "left", failure: undefined, undoable: true })
    expect(written).toEqual(["", expect.stringContaining(state)])
  })
})
