import { describe, expect, it } from "vitest"
import type { Finding } from "../../src/check/finding.ts"
import { outsideFilters } from "../../src/check/outside-filters.ts"
import { systemLookDeps } from "../../src/firewall/obstacles/looking.ts"
import type { RunCommand } from "../../src/system/process/run-command.ts"
import { systemClock } from "../../src/system/system-clock.ts"

/** A machine by what ip(8) prints about its links, and by the name that its firmware gives; it has no rules. */
async function found(links: string, vendor: string): Promise<Finding[]> {
  const ran = { exitCode: 0, signal: undefined, timedOut: false, stderr: "", startError: undefined, ok: true }
  const run: RunCommand = async ({ path, args }) => {
    const stdout = args.includes("link") ? links : args.includes("-j") ? "[]" : ""
    return { ...ran, path, args, stdout }
  }
  const look = { ...systemLookDeps(run), findProgram: (name: string) => `/${name}`, readText: () => "0" }
  return await outsideFilters(
    { run, tools: { nft: "/nft" }, clock: systemClock, procNet: "/none" },
    look,
    () => vendor,
  )
}

describe("what no reset can fix", () => {
  it("is an XDP program on any interface, by what ip(8) prints", async () => {
    const links = JSON.stringify([
      { ifindex: 1, ifname: "lo" },
      { ifindex: 2, ifname: "eth0", xdp: { mode: 2, prog: { id: 12, name: "drop", jited: 1 } } },
    ])
    const findings = await found(links, "")
    expect(findings).toMatchObject([{ level: "note", subject: "xdp" }])
    expect(findings[0]?.message).toContain("eth0")
    expect(await found("[]", "")).toEqual([])
  })

  it("and a provider's firewall, by the name the firmware gives", async () => {
    expect(await found("[]", "Amazon EC2")).toMatchObject([{ level: "note", subject: "provider-firewall" }])
    expect(await found("[]", "LENOVO")).toEqual([])
    expect(await found("[]", "")).toEqual([])
  })
})
