import { describe, expect, it } from "vitest"
import type { LookDeps } from "../../../src/firewall/obstacles/looking.ts"
import { surveyObstacles } from "../../../src/firewall/obstacles/survey.ts"
import type { CommandResult } from "../../../src/system/process/run-command.ts"
import { systemClock } from "../../../src/system/system-clock.ts"

/** A machine by what its programs print, and by those that it has. */
function machine(
  printed: Readonly<Record<string, string>>,
  missing: readonly string[] = [],
  more: Partial<LookDeps> = {},
) {
  const run = async ({ path, args }: { path: string; args: readonly string[] }): Promise<CommandResult> => {
    const line = [path.slice(1), ...args].join(" ")
    const stdout = path === "/nft" ? "" : printed[line]
    const ok = stdout !== undefined && !stdout.startsWith("RTNETLINK")
    return {
      ...{ path, args, exitCode: ok ? 0 : 2, signal: undefined, timedOut: false, startError: undefined, ok },
      ...{ stdout: ok ? stdout : "", stderr: ok ? "" : (stdout ?? "") },
    }
  }
  const look: LookDeps = {
    run,
    findProgram: (name) => (missing.includes(name) ? undefined : `/${name}`),
    readText: () => "0\n",
    listFolder: () => ["all", "default", "eth0", "lo"],
    addresses: () => new Set(["192.0.2.1"]),
    loginPorts: () => [22],
    ...more,
  }
  return { look, snapshot: { run, tools: { nft: "/nft" }, clock: systemClock, procNet: "/none" } }
}

const clean = {
  "ip -j link show": "[]",
  "ip -4 -j rule show": '[{"priority":0,"src":"all","table":"local"}]',
  "ip -4 -j route get 192.0.2.2": '[{"dst":"192.0.2.2","dev":"eth0"}]',
  "ip -4 -j route get 192.0.2.2 ipproto tcp sport 22": '[{"dst":"192.0.2.2","dev":"eth0"}]',
  "tc -j qdisc show": "[]",
}
const origin = { source: "192.0.2.2", device: "eth0" }

async function survey(...given: Parameters<typeof machine>) {
  const { look, snapshot } = machine(...given)
  return await surveyObstacles(look, snapshot, origin, 1000)
}

describe("a survey of obstacles", () => {
  it("sees none where there is none", async () => {
    expect(await survey(clean)).toEqual({ found: [], notLooked: [] })
  })

  it("says what it could not look for, and never that there is none", async () => {
    const { found, notLooked } = await survey(clean, ["ip", "tc"], { listFolder: () => [] })
    expect(found).toEqual([])
    expect(notLooked.map(({ kind }) => kind).sort()).toEqual([
      "reverse-path",
      "routing",
      "traffic-control",
      "xdp",
    ])
    for (const broken of ["ip -j link show", "ip -4 -j rule show", "tc -j qdisc show"]) {
      const { notLooked: why } = await survey({ ...clean, [broken]: "not json" })
      expect([broken, why.length]).toEqual([broken, 1])
    }
  })

  it("does not wait for a program that hangs", async () => {
    const { look, snapshot } = machine(clean)
    const hangs: LookDeps = {
      ...look,
      run: (request) => (request.path === "/tc" ? new Promise(() => {}) : look.run(request)),
    }
    const { notLooked } = await surveyObstacles(hangs, snapshot, origin, 100)
    expect(notLooked).toEqual([{ kind: "traffic-control", why: "not done after 100ms" }])
  })

  it("names XDP programs, an `ip rule` for the port, and a way back by another interface that rp_filter drops", async () => {
    const { found } = await survey(
      {
        ...clean,
        "ip -j link show": '[{"ifname":"lo"},{"ifname":"eth0","xdp":{"mode":1}}]',
        "ip -4 -j route get 192.0.2.2": '[{"dst":"192.0.2.2","dev":"eth1"}]',
        "ip -4 -j route get 192.0.2.2 ipproto tcp sport 22": "RTNETLINK answers: Permission denied",
      },
      [],
      { readText: () => "1\n" },
    )
    expect(found.map(({ where }) => where)).toEqual([
      "an `ip rule` for tcp/22: the way back to 192.0.2.2 is prohibited",
      "an XDP program on eth0",
      "strict rp_filter on eth0: the way back to 192.0.2.2 leads out by eth1",
    ])
  })
})
