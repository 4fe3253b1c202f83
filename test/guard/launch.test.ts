import { describe, expect, it } from "vitest"
import { parseOrder } from "../../src/guard/configuration.ts"
import { asTransientUnit, cleanEnvironment } from "../../src/guard/launch.ts"

describe("asTransientUnit", () => {
  const start = asTransientUnit(
    "/usr/bin/systemd-run",
    { path: "/usr/bin/node", args: ["/x/guard.js"] },
    { TZ: "UTC" },
  )

  it("is started again when it is killed, and not when it said why it does not arm", () => {
    expect(start.args).toContain("--property=Restart=on-failure")
    expect(start.args).toContain("--property=RestartPreventExitStatus=1")
    expect(start.args.slice(start.args.indexOf("--"))).toEqual(["--", "/usr/bin/node", "/x/guard.js"])
  })

  it("carries nothing of the order: that goes by a pipe, which a second start finds empty", () => {
    expect(start.args.join(" ")).not.toMatch(/secret|fwk1/)
    expect(parseOrder("")).toEqual({ resume: true })
  })
})

describe("cleanEnvironment", () => {
  it("keeps where state lives, and nothing that steers Node", () => {
    const dirty = {
      NODE_OPTIONS: "--inspect",
      LD_PRELOAD: "x.so",
      UV_USE_IO_URING: "1",
      STATE_DIRECTORY: "/s",
      HOME: "/root",
    }
    const clean = cleanEnvironment(dirty)
    expect(Object.keys(clean).sort()).toEqual(["HOME", "LC_ALL", "PATH", "STATE_DIRECTORY"])
    expect(clean.HOME).toBe("/nonexistent")
  })
})
