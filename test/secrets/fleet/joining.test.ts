import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { joinHosts, type NamedHost } from "../../../src/secrets/fleet/joining.ts"
import { RecordIndex } from "../../../src/secrets/fleet/record-index.ts"
import { findRecord, type HostRecord } from "../../../src/secrets/host-records.ts"
import { parseTarget } from "../../../src/secrets/target.ts"

const named = (name: string, groups: string[], more: Partial<NamedHost> = {}): NamedHost => ({
  name,
  addresses: [],
  groups,
  ...more,
})
const join = (kept: readonly HostRecord[], hosts: readonly NamedHost[], whole = true) =>
  joinHosts(new RecordIndex(kept), hosts, whole)

const alive: HostRecord = {
  name: "web1",
  hostName: "web1.example",
  user: "ada",
  addresses: ["192.0.2.1"],
  port: 2222,
  jump: "bastion",
  aliveMs: 5,
  enrolled: true,
  groups: ["old", "web"],
}

describe("hosts that are imported", () => {
  it("have a record each, with their groups in order", () => {
    const hosts = [
      named("web1", ["web", "all-web"], { port: 22, jump: "b", addresses: ["192.0.2.9"] }),
      named("db1", []),
    ]
    expect(join([], hosts)).toEqual({
      records: [
        { name: "web1", addresses: ["192.0.2.9"], port: 22, jump: "b", groups: ["all-web", "web"] },
        { name: "db1", addresses: [] },
      ],
      added: 2,
      changed: 0,
      unchanged: 0,
      left: 0,
    })
  })

  it("keep what answered there; the named groups are theirs, the others stay", () => {
    const [record] = join(
      [alive],
      [named("Web1.", ["new"], { user: "bob", jump: "other", addresses: ["192.0.2.7"] })],
    ).records
    expect(record).toEqual({
      ...alive,
      user: "bob",
      addresses: ["192.0.2.7", "192.0.2.1"],
      groups: ["new", "old", "web"],
    })
    expect(join([alive], [named("web1", ["web"])])).toMatchObject({ records: [], unchanged: 1 })
    // An address that is known stays where it answered.
    const two = { ...alive, addresses: ["192.0.2.2", "192.0.2.1"] }
    expect(join([two], [named("web1", ["web"], { addresses: ["192.0.2.1"] })])).toMatchObject({
      unchanged: 1,
    })
  })

  it("leave the groups that name them no more, unless only a part was read", () => {
    const other = { name: "web2", addresses: [], groups: ["old", "web"] }
    expect(join([alive, other], [named("web1", ["web"])])).toMatchObject({
      records: [{ name: "web2", groups: ["old"] }],
      left: 1,
    })
    expect(join([alive, other], [named("web1", ["web"])], false)).toMatchObject({ records: [], left: 0 })
    expect(join([alive], [named("web1", ["old"]), named("x", ["web"])]).records[1]).toMatchObject({
      groups: ["old"],
    })
  })

  it("are the host that goes by their name or place here already, each record for one of them", () => {
    expect(join([alive], [named("web1.example", ["a"])]).records).toEqual([
      { ...alive, groups: ["a", "old", "web"] },
    ])
    const app = named("app", ["a"], { addresses: ["192.0.2.1"], port: 2222, user: "eve" })
    expect(join([alive], [app]).records).toEqual([{ ...alive, groups: ["a", "old", "web"] }])
    // Behind one address another port is another host.
    expect(join([alive], [{ ...app, port: 2201 }])).toMatchObject({ added: 1 })
    expect(join([alive], [app, named("web1", ["a"])])).toMatchObject({ added: 1, changed: 1 })
    expect(join([alive], [app, { ...app, name: "app2" }])).toMatchObject({ added: 1, changed: 1 })
  })

  const name = fc.constantFrom("a", "b", "c", "192.0.2.1", "2001:db8::1")
  const groups = fc.uniqueArray(fc.constantFrom("g", "h", "i"))
  const record = fc.record({
    name,
    hostName: fc.option(name, { nil: undefined }),
    addresses: fc.uniqueArray(fc.constantFrom("192.0.2.1", "192.0.2.2")),
    port: fc.option(fc.constantFrom(22, 23), { nil: undefined }),
    aliveMs: fc.option(fc.nat(3), { nil: undefined }),
    groups,
  })
  const unique = { selector: ({ name }: { name: string }) => name }

  it("make what is kept, a second time nothing, and lose no host", () => {
    fc.assert(
      fc.property(fc.uniqueArray(record, unique), fc.uniqueArray(record, unique), (kept, hosts) => {
        const first = join(kept, hosts)
        expect(first.added + first.changed + first.unchanged).toBe(hosts.length)
        const after = new Map(kept.map((one): [string, HostRecord] => [one.name, one]))
        for (const one of first.records) after.set(one.name, one)
        expect(after.size).toBe(kept.length + first.added)
        const all = [...after.values()]
        for (const group of new Set(hosts.flatMap((one) => one.groups)))
          expect(all.filter((one) => one.groups?.includes(group)).length).toBe(
            hosts.filter((one) => one.groups.includes(group)).length,
          )
        for (const one of kept) {
          expect(after.get(one.name)?.aliveMs).toBe(one.aliveMs)
          expect(after.get(one.name)?.addresses).toEqual(expect.arrayContaining(one.addresses))
        }
      }),
    )
  })

  it("are found by the index as by a look at all", () => {
    fc.assert(
      fc.property(fc.uniqueArray(record, unique), name, (kept, wanted) => {
        const target = parseTarget(wanted)
        expect(new RecordIndex(kept).find(target)).toBe(findRecord(kept, target))
      }),
    )
  })
})
