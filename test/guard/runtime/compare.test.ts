import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { compare } from "../../../src/guard/runtime/compare.ts"
import { Snapshots } from "../../../src/guard/state/snapshots.ts"
import type { CommandResult, RunCommand } from "../../../src/system/process/run-command.ts"
import { madeSnapshot } from "../../support/made-snapshots.ts"
import { VirtualTime } from "../../support/virtual-time.ts"

const folder = mkdtempSync(join(tmpdir(), "fw-compare-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** A change that shuts a port, beside tools that do as a test says. */
async function lookWith(run: RunCommand, clock = new VirtualTime()): Promise<ReturnType<typeof compare>> {
  const snapshots = new Snapshots({ run, clock, stateFolder: folder, runtimeFolder: folder, emit: () => {} })
  const before = await snapshots.save(madeSnapshot({ INPUT: [] }))
  const candidate = await snapshots.save(madeSnapshot({ INPUT: [["-p tcp -j DROP", 0]] }))
  return compare(snapshots, { type: "compare", id: "c1", before, candidate })
}

const crashed = ({ path, args }: { path: string; args: readonly string[] }): CommandResult => ({
  ...{ path, args, exitCode: undefined, signal: "SIGSEGV", timedOut: false, stdout: "", stderr: "" },
  ...{ startError: undefined, ok: false },
})

describe("the look at what is confirmed", () => {
  it("is none where the tools crash: nobody knows what is in force", async () => {
    expect(await lookWith(async (request) => crashed(request))).toMatchObject({
      ...{ type: "not-compared", id: "c1", why: expect.stringMatching(/^cannot read nft/) },
    })
  })

  it("is given up when it takes too long", async () => {
    const clock = new VirtualTime()
    const looking = lookWith(() => new Promise(() => {}), clock)
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setTimeout(resolve, 2))
    await clock.pass(90_000)
    expect(await looking).toEqual({ type: "not-compared", id: "c1", why: "not done after 1m 30s" })
  })
})
