import { describe, expect, it } from "vitest"
import { checkArmOptions, checkCidr, checkRoads } from "../../../src/cli/watchdog/arm-options.ts"
import { Fault } from "../../../src/errors.ts"

const defaults = { timeout: "30m", onExpiry: "disarm", scope: "all" }
const usage = (run: () => unknown): void => {
  try {
    run()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault)
    expect((thrown as Fault).code).toBe("usage")
    return
  }
  throw new Error("it was accepted")
}

describe("checkArmOptions", () => {
  it("fills in the defaults", () => {
    expect(checkArmOptions(defaults)).toMatchObject({
      timeoutMs: 1_800_000,
      onExpiry: "disarm",
      devices: [],
      from: [],
      plain: "",
      tcpPorts: undefined,
    })
  })

  it("refuses what it does not know", () => {
    for (const timeout of ["", "30", "9s", "8d", "-5m", "1e3s", "30 m"])
      usage(() => checkArmOptions({ ...defaults, timeout }))
    usage(() => checkArmOptions({ ...defaults, onExpiry: "explode" }))
    usage(() => checkArmOptions({ ...defaults, scope: "some" }))
    usage(() => checkArmOptions({ ...defaults, openFor: "1s" }))
  })
})

describe("checkRoads", () => {
  it("takes up to four ports, or none", () => {
    expect(checkRoads(["none"])).toEqual([])
    expect(checkRoads(["tcp/22"])).toEqual([22])
    expect(checkRoads(["tcp/22", "tcp/65535", "tcp/22", "tcp/1", "tcp/2222"])).toEqual([22, 65_535, 1, 2222])
  })

  it("refuses everything else", () => {
    for (const bad of [
      "",
      "tcp",
      "tcp/",
      "tcp/0",
      "tcp/65536",
      "tcp/022",
      "tcp/-1",
      "udp/22",
      "22",
      "icmp",
      "TCP/22",
    ])
      usage(() => checkRoads([bad]))
    usage(() => checkRoads(["none", "tcp/22"]))
    usage(() => checkRoads(["tcp/1", "tcp/2", "tcp/3", "tcp/4", "tcp/5"]))
  })
})

describe("checkCidr", () => {
  it("takes addresses and prefixes of both families", () => {
    expect(checkCidr("192.0.2.0/24")).toBe("192.0.2.0/24")
    expect(checkCidr("192.0.2.7")).toBe("192.0.2.7/32")
    expect(checkCidr("2001:db8::/32")).toBe("2001:db8::/32")
    expect(checkCidr("2001:db8::1")).toBe("2001:db8::1/128")
  })

  it("refuses everything else", () => {
    for (const bad of [
      "",
      "host",
      "192.0.2.0/33",
      "192.0.2/24",
      "2001:db8::/129",
      "192.0.2.0/",
      "192.0.2.0/2/4",
      "fe80::1%eth0/64",
      "192.0.2.0/-1",
    ])
      usage(() => checkCidr(bad))
  })
})
