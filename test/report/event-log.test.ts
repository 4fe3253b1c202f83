import {
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { openEventLog } from "../../src/report/event-log.ts"

const event = { event: "armed", code: "done", message: "armed" } as const
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("the event log", () => {
  const folder = mkdtempSync(join(tmpdir(), "event-log-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  it("holds every event when it has been closed, in a file that is its owner's alone", async () => {
    const path = join(folder, "events.log")
    for (const round of [1, 2]) {
      const log = openEventLog(path)
      for (let count = 0; count < 50; count += 1) log.write({ ...event, facts: { round } })
      await log.close()
      expect(readFileSync(path, "utf8").trim().split("\n")).toHaveLength(50 * round)
    }
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it("throws nothing and closes where nothing can be written", async () => {
    writeFileSync(join(folder, "target"), "")
    symlinkSync(join(folder, "target"), join(folder, "link"))
    for (const path of ["/proc/nowhere/events.log", folder, join(folder, "link"), "/dev/full"]) {
      const log = openEventLog(path)
      for (let count = 0; count < 5; count += 1) {
        log.write(event)
        await turn()
      }
      await log.close()
    }
    expect(readFileSync(join(folder, "target"), "utf8")).toBe("")
  })

  it("puts a long log aside, and no other", async () => {
    const path = join(folder, "long.log")
    writeFileSync(path, "")
    for (const [size, kept] of [
      [8 * 1024 * 1024, undefined],
      [8 * 1024 * 1024 + 1, 8 * 1024 * 1024 + 1],
    ] as const) {
      truncateSync(path, size)
      await openEventLog(path).close()
      expect(statSync(`${path}.1`, { throwIfNoEntry: false })?.size).toBe(kept)
    }
    expect(statSync(path).size).toBe(0)
  })
})
