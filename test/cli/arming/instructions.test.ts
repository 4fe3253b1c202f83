import { describe, expect, it } from "vitest"
import { addressToShow, workstationLines } from "../../../src/cli/arming/instructions.ts"
import { hostToKnock } from "../../../src/cli/arming/secrets.ts"

const facts = {
  host: "web1",
  address: "192.0.2.1",
  secretLine: undefined,
  readyMade: undefined,
  standing: false,
  plain: false,
}
const secretLine = "web1 fwk1-00000-00000-00000-00000-00000-00000"

describe("workstationLines", () => {
  it("puts the probe before the reset, and the secret on no command line", () => {
    const lines = workstationLines({ ...facts, secretLine })
    const commands = lines.map((line) => line.trim()).filter((line) => /^(fw-knock|web1 fwk1-)/.test(line))
    expect(commands).toEqual([
      "fw-knock remember web1",
      secretLine,
      "fw-knock probe web1",
      "fw-knock reset web1",
    ])
    expect(lines.join("\n")).not.toMatch(/nping|192\.0\.2\.1/)
  })

  it("tells of nping where that is asked for, with an address", () => {
    const line = (address: string) =>
      workstationLines({ ...facts, address, secretLine, readyMade: "ab12" }).join("\n")
    expect(line("192.0.2.1")).toContain("nping --icmp -c 1 --data ab12 192.0.2.1\n")
    expect(line("2001:db8::1")).toContain("nping -6 --icmp -c 1 --data ab12 2001:db8::1\n")
  })

  it("shows no secret of a standing session, and none at all with --plain alone", () => {
    const standing = workstationLines({ ...facts, standing: true }).join("\n")
    expect(standing).not.toContain("remember")
    expect(standing).toContain("fw-knock probe web1")
    const plain = workstationLines({ ...facts, plain: true }).join("\n")
    expect(plain).not.toContain("probe")
    expect(plain).toContain("--plain TEXT 192.0.2.1")
  })
})

describe("hostToKnock", () => {
  it("is the host that the secrets' lines name, else the address", () => {
    const named = (...hosts: string[]) => hosts.map((host) => ({ host }))
    expect(hostToKnock(named("web1"), "192.0.2.1")).toBe("web1")
    expect(hostToKnock(named("", "web1", "web2"), "192.0.2.1")).toBe("web1")
    expect(hostToKnock(named(""), "192.0.2.1")).toBe("192.0.2.1")
    expect(hostToKnock([], "192.0.2.1")).toBe("192.0.2.1")
  })
})

describe("addressToShow", () => {
  const entry = (address: string, family: "IPv4" | "IPv6", internal = false) => ({
    address,
    family,
    internal,
    netmask: "",
    mac: "",
    cidr: null,
    ...(family === "IPv6" ? { scopeid: 0 } : {}),
  })
  it("is the address the ssh session came in on, else the first global one", () => {
    expect(addressToShow("203.0.113.9", {})).toBe("203.0.113.9")
    const interfaces = {
      lo: [entry("127.0.0.1", "IPv4", true)],
      eth0: [entry("fe80::1", "IPv6"), entry("2001:db8::1", "IPv6"), entry("192.0.2.1", "IPv4")],
    } as Parameters<typeof addressToShow>[1]
    expect(addressToShow(undefined, interfaces)).toBe("192.0.2.1")
    expect(addressToShow(undefined, {})).toBe("THIS-HOST")
  })
})
