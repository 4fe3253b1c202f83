import { describe, expect, it } from "vitest"
import { parseOrder } from "../../../src/guard/launch/order.ts"
import { asTransientUnit } from "../../../src/guard/launch/transient-unit.ts"
import { armedAllocator, cleanEnvironment } from "../../../src/system/process/armed-process.ts"

const guard = { path: "/usr/bin/node", args: ["/x/guard.js"] }
const command = (args: readonly string[]): readonly string[] => args.slice(args.indexOf("--") + 1)

describe("asTransientUnit", () => {
  const start = asTransientUnit("/usr/bin/systemd-run", "/usr/bin/perl", guard, { TZ: "UTC" }, 100_000)

  it("is started again whenever it is killed, and not when it said why it does not arm", () => {
    expect(start.args).toContain("--property=Restart=on-failure")
    expect(start.args).toContain("--property=StartLimitIntervalSec=0")
    expect(start.args).toContain("--property=RestartPreventExitStatus=1")
  })

  it("is connected to systemd by perl, and without perl is watched no closer than a process", () => {
    expect(start.args).toContain("--service-type=notify")
    expect(command(start.args).slice(-2)).toEqual(["/usr/bin/node", "/x/guard.js"])
    const plain = asTransientUnit("/usr/bin/systemd-run", undefined, guard, {}, 100_000)
    expect(plain.args).toContain("--service-type=exec")
    expect(plain.args.join(" ")).not.toContain("WatchdogSec")
    expect(command(plain.args)).toEqual(["/usr/bin/node", "/x/guard.js"])
  })

  it("carries nothing of the order: that goes by a pipe, which a second start finds empty", () => {
    expect(start.args.join(" ")).not.toMatch(/secret|fwk1/)
    expect(parseOrder("")).toEqual({ resume: true })
  })

  it("has nothing in its command line that systemd would fill in", () => {
    expect(command(start.args).join(" ")).not.toMatch(/%|\$\{|\$\$/)
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
    const { HOME, LC_ALL, PATH, STATE_DIRECTORY, ...rest } = clean
    expect([HOME, LC_ALL, PATH, STATE_DIRECTORY]).toEqual([
      "/nonexistent",
      "C",
      "/usr/sbin:/usr/bin:/sbin:/bin",
      "/s",
    ])
    expect(rest).toEqual(armedAllocator)
  })
})
