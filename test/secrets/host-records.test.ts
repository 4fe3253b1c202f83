import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  findRecord,
  findRecordIn,
  forgetRecord,
  type HostRecord,
  keepRecord,
  readRecord,
  readRecords,
  readRecordTexts,
} from "../../src/secrets/host-records.ts"
import { recordFolder } from "../../src/secrets/remembered.ts"
import { parseTarget } from "../../src/secrets/target.ts"

let home: string
let folder: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "fw-hosts-"))
  folder = recordFolder({}, home)
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const web1: HostRecord = {
  name: "Web1",
  hostName: "web1.example.com",
  user: "ada",
  addresses: ["192.0.2.1", "2001:db8::1"],
  port: 2222,
  jump: "bastion,ada@[2001:db8::2]:22",
  road: "some",
  aliveMs: 1_790_000_000_000,
}
const db1: HostRecord = { name: "db1", addresses: ["192.0.2.2"] }

describe("records of hosts", () => {
  it("are one file each, that only its owner reads, in a folder that only he opens", () => {
    keepRecord(folder, web1)
    expect(readdirSync(folder)).toEqual(["web1.json"])
    expect(statSync(join(folder, "web1.json")).mode & 0o7777).toBe(0o600)
    expect(statSync(folder).mode & 0o7777).toBe(0o700)
  })

  it("are read as they were kept, and gone when forgotten", () => {
    expect(readRecords(folder)).toEqual([])
    keepRecord(folder, web1)
    keepRecord(folder, db1)
    expect(readRecords(folder)).toEqual([db1, web1])
    expect(readRecord(folder, "WEB1.")).toEqual(web1)
    keepRecord(folder, { ...web1, addresses: [] })
    expect(readRecord(folder, "web1")?.addresses).toEqual([])
    expect(forgetRecord(folder, "web1")).toBe(true)
    expect(forgetRecord(folder, "web1")).toBe(false)
    expect(readRecords(folder)).toEqual([db1])
  })

  it("hold each address once and in one way, zones as they are", () => {
    keepRecord(folder, { ...db1, addresses: ["2001:DB8:0::1", "192.0.2.2", "2001:db8::1", "FE80::1%Eth0"] })
    expect(readRecord(folder, "db1")?.addresses).toEqual(["2001:db8::1", "192.0.2.2", "fe80::1%Eth0"])
    expect(findRecordIn(readRecordTexts(folder), parseTarget("fe80:0::1%Eth0"))?.name).toBe("db1")
  })

  it.each(["../x", "", "-x", "a/b", ".hidden"])("are kept under no name like %j", (name) => {
    expect(() => keepRecord(folder, { name, addresses: [] })).toThrow(
      expect.objectContaining({ code: "usage" }),
    )
    expect(readRecord(folder, name)).toBeUndefined()
  })

  it("leave the old one whole when the new one cannot be written", () => {
    keepRecord(folder, db1)
    mkdirSync(join(folder, "web1.json"))
    expect(() => keepRecord(folder, web1)).toThrow(expect.objectContaining({ code: "refused" }))
    expect(readdirSync(folder)).toEqual(["db1.json", "web1.json"])
    expect(readRecords(folder)).toEqual([db1])
  })

  it("that somebody has written give what is sound in them, and nothing that ssh would take for an option", () => {
    keepRecord(folder, web1)
    const write = (found: unknown): HostRecord | undefined => {
      writeFileSync(join(folder, "web1.json"), typeof found === "string" ? found : JSON.stringify(found))
      return readRecord(folder, "web1")
    }
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      '"web1"',
      "{}",
      '{"name":"db1"}',
      '{"name":"../web1"}',
      '{"name":7}',
    ])
      expect(write(text)).toBeUndefined()
    expect(write({ name: "web1" })).toEqual({ name: "web1", addresses: [] })
    for (const [key, values] of Object.entries({
      hostName: ["-oProxyCommand=x", "a b", 7, ""],
      user: ["-x", "a b", 7, ""],
      port: [0, 65_536, 1.5, "22", -1, null],
      jump: ["-oProxyCommand=x", "bastion,-x", "", 7, "a;b"],
      road: [7],
      aliveMs: ["x", -1, null],
    }))
      for (const value of values)
        expect([key, value, write({ ...web1, [key]: value })]).toEqual([
          key,
          value,
          { ...web1, [key]: undefined },
        ])
    expect(write({ ...web1, addresses: ["192.0.2.1", "web1", 7, "192.0.2.999"] })?.addresses).toEqual([
      "192.0.2.1",
    ])
    expect(write({ ...web1, addresses: "192.0.2.1" })?.addresses).toEqual([])
    fc.assert(fc.property(fc.json(), (text) => void write(text)))
  })
})

describe("a host is found", () => {
  beforeEach(() => {
    keepRecord(folder, db1)
    keepRecord(folder, web1)
  })

  it.each([
    ...["web1", "WEB1", "web1.", "ada@web1", "root@web1", "web1:2222", "web1:22", "[web1]:2222"],
    ...["web1.example.com", "ada@web1.example.com:2222"],
    ...["192.0.2.1", "192.0.2.1:2222", "ada@192.0.2.1", "2001:db8::1", "2001:DB8:0::1", "[2001:db8::1]:2222"],
  ])("as %s", (typed) => {
    expect(findRecord([db1, web1], typed)).toBe(web1)
    expect(findRecordIn(readRecordTexts(folder), parseTarget(typed))).toEqual(web1)
  })

  it.each(["web", "web1.example", "192.0.2.3", "2001:db8::2", "ada"])("not as %s", (typed) => {
    expect(findRecord([db1, web1], typed)).toBeUndefined()
    expect(findRecordIn(readRecordTexts(folder), parseTarget(typed))).toBeUndefined()
  })

  it("by its name before HostName, by HostName before an address", () => {
    const byHostName = { name: "a", hostName: "192.0.2.9", addresses: [], aliveMs: 2 }
    const byAddress = { name: "b", addresses: ["192.0.2.9"], aliveMs: 3 }
    const byName = { name: "192.0.2.9", addresses: [], aliveMs: 1 }
    expect(findRecord([byAddress, byHostName, byName], "192.0.2.9")).toBe(byName)
    expect(findRecord([byAddress, byHostName], "192.0.2.9")).toBe(byHostName)
  })

  it("behind one address by the port, then by the user, then as the one that was alive last", () => {
    const at = (name: string, more: Partial<HostRecord>): HostRecord => ({
      name,
      addresses: ["192.0.2.9"],
      ...more,
    })
    const [a, b, c] = [
      at("a", { port: 2201, user: "ada", aliveMs: 1 }),
      at("b", { port: 2202, user: "bob", aliveMs: 3 }),
      at("c", { user: "ada", aliveMs: 2 }),
    ]
    expect(findRecord([a, b, c], "192.0.2.9:2201")).toBe(a)
    expect(findRecord([a, b, c], "ada@192.0.2.9:2202")).toBe(b)
    expect(findRecord([a, b, c], "ada@192.0.2.9")).toBe(c)
    expect(findRecord([a, b, c], "192.0.2.9")).toBe(b)
  })
})
