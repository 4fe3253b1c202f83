import { describe, expect, it } from "vitest"
import { limited } from "../../../../src/cli/knock/fleet/limit.ts"
import type { KnownHost } from "../../../../src/cli/knock/known-hosts/known-hosts.ts"
import { parseTarget } from "../../../../src/secrets/target.ts"

const known = (typed: string, groups: string[], addresses: string[] = [], hostName?: string): KnownHost => ({
  typed,
  target: parseTarget(typed),
  name: parseTarget(typed).host,
  record: { name: parseTarget(typed).host, addresses, hostName, groups },
  folders: undefined,
})
const hosts = [
  known("web1", ["web", "prod"], ["192.0.2.1"], "web1.example"),
  known("web2", ["web"], ["2001:db8::2"]),
  known("web10", ["web"]),
  known("ada@db1:2222", ["db", "prod"]),
  { ...known("203.0.113.7", []), record: undefined },
]
const groups = new Set(["web", "prod", "db", "rest"])
const of = (pattern: string): string[] => limited(hosts, pattern, groups).map(({ typed }) => typed)

describe("--limit", () => {
  it.each([
    ["web1", ["web1"]],
    ["WEB1.example, db1", ["web1", "ada@db1:2222"]],
    ["192.0.2.1", ["web1"]],
    ["2001:DB8:0::2", ["web2"]],
    ["203.0.113.7", ["203.0.113.7"]],
    ["web*", ["web1", "web2", "web10"]],
    ["web?", ["web1", "web2"]],
    ["*.example", ["web1"]],
    ["@prod", ["web1", "ada@db1:2222"]],
    ["@db,web2", ["web2", "ada@db1:2222"]],
    ["!@web", ["ada@db1:2222", "203.0.113.7"]],
    ["!web1,@prod", ["ada@db1:2222"]],
    ["@web,!web1*", ["web2"]],
    ["@web,!@rest,!nothing*", ["web1", "web2", "web10"]],
    ["@all,!web*", ["ada@db1:2222", "203.0.113.7"]],
  ])("%j leaves %j", (pattern, left) => {
    expect(of(pattern)).toEqual(left)
  })

  it.each([
    "wbe1",
    "!wbe1",
    "@wbe",
    "!@wbe",
    "x*",
    "",
    "web1,",
    "!",
    "@",
    "!!web1",
    "web1 web2",
    "@rest",
    "web1,!web*",
  ])("%j is a mistake", (pattern) => {
    expect(() => of(pattern)).toThrow(expect.objectContaining({ code: "usage" }))
  })
})
