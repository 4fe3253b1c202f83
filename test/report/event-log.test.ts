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
const longest = 1024 * 1024
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

  it("is bounded while it is written to: one file and the one before, and no line in between is lost", async () => {
    const path = join(folder, "growing.log")
    const log = openEventLog(path)
    const text = "x".repeat(1000)
    const size = (name: string): number => statSync(name, { throwIfNoEntry: false })?.size ?? 0
    // It may be put aside between any two looks, the last one too.
    const textOf = (name: string): string => {
      try {
        return readFileSync(name, "utf8")
      } catch {
        return ""
      }
    }
    for (let count = 0; count < 5000; count += 1) {
      log.write({ ...event, facts: { count, text } })
      if (count % 50 !== 49) continue
      // What waits for the disk is bounded too, and more than that is lost.
      const isThere = (name: string): boolean => textOf(name).slice(-2000).includes(`"count":${count},`)
      while (!isThere(path) && !isThere(`${path}.1`)) await new Promise((resolve) => setTimeout(resolve, 2))
      expect(size(path) + size(`${path}.1`)).toBeLessThan(2.5 * longest)
    }
    await log.close()
    const counts = [`${path}.1`, path].flatMap((name) =>
      textOf(name)
        .split("\n")
        .filter(Boolean)
        .map((line) => Number(JSON.parse(line).count)),
    )
    expect(counts.at(-1)).toBe(4999)
    expect(counts).toEqual(counts.map((_, index) => (counts[0] ?? 0) + index))
    expect(size(`${path}.1`)).toBeGreaterThan(0)
    expect([size(path), size(`${path}.1`)].every((one) => one < 1.5 * longest)).toBe(true)
    expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600)
  })

  it("keeps what it has when a disk that is full takes no more", async () => {
    const log = openEventLog("/dev/full")
    for (let count = 0; count < 3000; count += 1) {
      log.write({ ...event, facts: { text: "x".repeat(1000) } })
      if (count % 100 === 99) await turn()
    }
    await log.close()
    expect(statSync("/dev/full").isCharacterDevice()).toBe(true)
    expect(statSync("/dev/full.1", { throwIfNoEntry: false })).toBeUndefined()
  })

  it("puts a long log aside, and no other", async () => {
    const path = join(folder, "long.log")
    writeFileSync(path, "")
    for (const [size, kept] of [
      [longest - 1, undefined],
      [longest, longest],
    ] as const) {
      truncateSync(path, size)
      await openEventLog(path).close()
      expect(statSync(`${path}.1`, { throwIfNoEntry: false })?.size).toBe(kept)
    }
    expect(statSync(path).size).toBe(0)
  })
})
