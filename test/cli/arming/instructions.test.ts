import { describe, expect, it } from "vitest"
import { addressToShow, workstationLines } from "../../../src/cli/arming/instructions.ts"

const facts = {
  address: "192.0.2.1",
  secretLine: undefined,
  readyMade: undefined,
  standing: false,
  plain: false,
}
const secretLine = "192.0.2.1 fwk1-00000-00000-00000-00000-00000-00000"

describe("workstationLines", () => {
  it("puts the probe before the reset, and the secret on no command line", () => {
    const text = workstationLines({ ...facts, secretLine, readyMade: "ab12" }).join("\n")
    expect(text.indexOf("fw-knock probe 192.0.2.1")).toBeGreaterThan(0)
    expect(text.indexOf("fw-knock reset 192.0.2.1")).toBeGreaterThan(text.indexOf("fw-knock probe"))
    for (const line of text.split("\n").filter((line) => line.includes("fwk1-")))
      expect(line.trim()).toBe(secretLine)
    expect(text).toContain("nping --icmp -c 1 --data ab12 192.0.2.1")
  })

  it("speaks IPv6 to nping", () => {
    const lines = workstationLines({ ...facts, address: "2001:db8::1", secretLine, readyMade: "ab12" })
    expect(lines.join("\n")).toContain("nping -6 --icmp -c 1 --data ab12 2001:db8::1")
  })

  it("shows no secret of a standing session, and none at all with --plain alone", () => {
    expect(workstationLines({ ...facts, standing: true }).join("\n")).not.toContain("remember")
    const plain = workstationLines({ ...facts, plain: true }).join("\n")
    expect(plain).not.toContain("probe")
    expect(plain).toContain("--plain TEXT")
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
