import { describe, expect, it } from "vitest"
import { cloudFindings, xdpFindings } from "../../src/check/outside-filters.ts"

describe("what no reset can fix", () => {
  it("is an XDP program on any interface, by what ip(8) prints", () => {
    const links = JSON.stringify([
      { ifindex: 1, ifname: "lo" },
      { ifindex: 2, ifname: "eth0", xdp: { mode: 2, prog: { id: 12, name: "drop", jited: 1 } } },
    ])
    expect(xdpFindings(links)).toMatchObject([{ level: "note", subject: "xdp" }])
    expect(xdpFindings(links)[0]?.message).toContain("eth0")
    expect(xdpFindings("[]")).toEqual([])
  })

  it("and a provider's firewall, by the name the firmware gives", () => {
    expect(cloudFindings("Amazon EC2")).toMatchObject([{ level: "note", subject: "provider-firewall" }])
    expect(cloudFindings("LENOVO")).toEqual([])
    expect(cloudFindings("")).toEqual([])
  })
})
