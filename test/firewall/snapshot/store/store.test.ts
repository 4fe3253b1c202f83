import { createHash } from "node:crypto"
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Snapshot } from "../../../../src/firewall/snapshot/snapshot.ts"
import { decodeSnapshot } from "../../../../src/firewall/snapshot/store/format.ts"
import { loadSnapshot, pruneSnapshots, saveSnapshot } from "../../../../src/firewall/snapshot/store/store.ts"

/** What is none of ours, with a digest that is right. */
function fileOf(value: unknown): string {
  const body = `${JSON.stringify(value)}\n`
  return `fw-watchdog snapshot 1 ${createHash("sha256").update(body).digest("hex")}\n${body}`
}

const snapshot: Snapshot = {
  version: 1,
  takenAtMs: Date.UTC(2026, 10, 22, 18, 55, 12, 7),
  reason: "open by a knock",
  ipsets: [{ name: "hosts", header: "hash:ip family inet", elements: ["192.0.2.7"] }],
  nftTables: [
    {
      family: "ip",
      name: "filter",
      listed: {
        family: "ip",
        name: "filter",
        attributes: [],
        blocks: [{ kind: "chain", name: "INPUT", lines: ["\t\tdrop"] }],
      },
      saved: { table: "filter", chains: [":INPUT ACCEPT [0:0]"], rules: ["[0:0] -A INPUT -j DROP"] },
      xtRules: { INPUT: [0] },
      view: "iptables",
      owned: false,
    },
  ],
  legacyTables: [{ backend: "iptables-legacy", section: { table: "filter", chains: [], rules: [] } }],
  unread: [{ where: "arptables-legacy", why: "missing" }],
}

describe("snapshots on disk", () => {
  let made: string
  let folder: string
  beforeEach(() => {
    made = mkdtempSync(join(tmpdir(), "fw-store-"))
    folder = join(made, "state", "snapshots")
  })
  afterEach(() => rmSync(made, { recursive: true, force: true }))

  it("come back as they were, from a file that only root can read", async () => {
    const path = await saveSnapshot(folder, snapshot)
    expect(path).toBe(join(folder, "snapshot-00000001-2026-11-22T18-55-12-007Z-open-by-a-knock.fw"))
    expect(loadSnapshot(path)).toEqual(snapshot)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, "..")).mode & 0o777).toBe(0o700)
  })

  it("are in the order they were saved in, whatever the clock says, and the oldest go first", async () => {
    const paths: string[] = []
    for (const takenAtMs of [5, 5, 4, 3, 2, 1])
      paths.push(await saveSnapshot(folder, { ...snapshot, takenAtMs }))
    const inOrder = (): string[] =>
      readdirSync(folder)
        .sort()
        .map((name) => join(folder, name))
    expect(inOrder()).toEqual(paths)
    expect(await pruneSnapshots(folder, 3)).toBe(3)
    expect(inOrder()).toEqual(paths.slice(3))
    expect(await pruneSnapshots(folder, 3)).toBe(0)
    expect(await pruneSnapshots(folder, 0)).toBe(3)
    expect(await pruneSnapshots(join(folder, "none"), 3)).toBe(0)
  })

  it.each([
    ["readable by others", (path: string) => chmodSync(path, 0o644)],
    ["writable by a group", (path: string) => chmodSync(path, 0o620)],
    ["in a folder that others may write", () => chmodSync(folder, 0o777)],
    [
      "a link",
      (path: string) => {
        const real = `${path}.real`
        writeFileSync(real, readFileSync(path), { mode: 0o600 })
        rmSync(path)
        symlinkSync(real, path)
      },
    ],
  ])("are not trusted when %s", async (_, spoil) => {
    const path = await saveSnapshot(folder, snapshot)
    spoil(path)
    expect(() => loadSnapshot(path)).toThrow(expect.objectContaining({ name: "Fault" }))
  })

  it.skipIf(process.geteuid?.() !== 0)("are not trusted when they belong to somebody else", async () => {
    const path = await saveSnapshot(folder, snapshot)
    chownSync(path, 65534, 65534)
    expect(() => loadSnapshot(path)).toThrow(expect.objectContaining({ name: "Fault", code: "permission" }))
  })

  it("are refused with a fault when they are garbage, wherever it is", async () => {
    const path = await saveSnapshot(folder, snapshot)
    const good = readFileSync(path)
    const refused = expect.objectContaining({ name: "Fault", code: "configuration" })
    for (const bad of [
      Buffer.alloc(0),
      Buffer.from("\0\n\0"),
      good.subarray(0, 90),
      Buffer.concat([good, good]),
    ]) {
      writeFileSync(path, bad)
      expect(() => loadSnapshot(path)).toThrow(refused)
    }
    for (let at = 0; at < good.length; at += 7) {
      const flipped = Buffer.from(good)
      flipped[at] = (flipped[at] ?? 0) ^ 0x20
      writeFileSync(path, flipped)
      expect(() => loadSnapshot(path)).toThrow(refused)
    }
  })

  it("are refused when the digest is right and the content is none of ours", () => {
    for (const value of [
      null,
      {},
      { ...snapshot, version: 2 },
      { ...snapshot, ipsets: [{ name: 5 }] },
      { ...snapshot, nftTables: [{}] },
    ])
      expect(() => decodeSnapshot(fileOf(value), "x")).toThrow(/not a snapshot/)
  })

  it("cannot be written to a place that refuses, which is a fault and leaves nothing", async () => {
    await expect(saveSnapshot("/proc/self/none", snapshot)).rejects.toThrow(
      expect.objectContaining({ name: "Fault" }),
    )
    expect(() => loadSnapshot(join(folder, "none"))).toThrow(
      expect.objectContaining({ name: "Fault", code: "missing" }),
    )
  })
})
