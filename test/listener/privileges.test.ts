import { describe, expect, it } from "vitest"
import { excessPrivileges, parsePrivileges } from "../../src/listener/privileges.ts"

const status = (changes: Record<string, string> = {}): string => {
  const fields: Record<string, string> = {
    Name: "node",
    Uid: "65534\t65534\t65534\t65534",
    Gid: "65534\t65534\t65534\t65534",
    Groups: " ",
    CapInh: "0000000000000000",
    CapPrm: "0000000000000000",
    CapEff: "0000000000000000",
    CapBnd: "00000000000020c0",
    CapAmb: "0000000000000000",
    NoNewPrivs: "1",
    ...changes,
  }
  return Object.entries(fields)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join("")
}
const excess = (changes: Record<string, string> = {}): string[] =>
  excessPrivileges(parsePrivileges(status(changes)), 65534, 65534)

describe("what the listener may keep", () => {
  it("is nothing but a bounding set of the three capabilities it needed to begin", () => {
    expect(excess()).toEqual([])
    expect(excess({ CapBnd: "0000000000000000" })).toEqual([])
  })

  it("finds everything else", () => {
    const bad: Record<string, string>[] = [
      { Uid: "65534\t65534\t0\t65534" },
      { Uid: "0\t0\t0\t0" },
      { Gid: "65534\t65534\t65534\t0" },
      { Groups: "4 27" },
      { CapInh: "0000000000002000" },
      { CapPrm: "0000000000002000" },
      { CapEff: "0000000000002000" },
      { CapAmb: "0000000000002000" },
      { CapBnd: "00000000000020c1" },
      { NoNewPrivs: "0" },
    ]
    for (const change of bad) expect(excess(change)).toHaveLength(1)
  })

  it("takes a status it cannot read for too much", () => {
    expect(excessPrivileges(parsePrivileges(""), 65534, 65534).length).toBeGreaterThan(5)
  })
})
