import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { afterAll, describe, expect, it } from "vitest"
import { ListenerProcess } from "../../../src/guard/listeners/listener-process.ts"
import { listenerUser, setprivArguments } from "../../../src/guard/listeners/spawn.ts"
import { deriveKeys } from "../../../src/knock/keys.ts"
import { parsePrivileges } from "../../../src/listener/privileges.ts"
import { systemClock } from "../../../src/system/system-clock.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { publicCopy } from "../../support/workstation.ts"

if (labUnavailable) process.stderr.write(`skipped: starting a listener: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a listener", () => {
  const { lab, server } = twoHosts()
  afterAll(() => lab.close())
  const user = listenerUser()
  const keys = deriveKeys(new Uint8Array(16).fill(1))
  const program = labUnavailable ? [] : publicCopy(lab, "listener")
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

  /** Starts one on the server and returns its privileges once it listens. */
  const start = async (refusesSetuid: boolean) => {
    let child: ListenerProcess | undefined
    const [nsenter, ...enter] = server.enter()
    await new Promise<void>((resolve, reject) => {
      child = new ListenerProcess(
        () => {
          const args = [...enter, "/usr/bin/setpriv", ...setprivArguments(user, refusesSetuid), ...program]
          const process_ = spawn(nsenter, args, { stdio: ["pipe", "pipe", "pipe"] })
          lab.own(process_)
          return process_
        },
        systemClock,
        [
          { type: "configure", devices: [], from: [], plain: "", tcpPorts: [], ...user },
          { type: "key", id: keys.id, tag: hex(keys.requestTag), screenKey: hex(keys.screenKey) },
          { type: "start" },
        ],
        {
          onReady: () => resolve(),
          onKnock: () => {},
          onPlain: () => {},
          onOutdated: () => {},
          onEnd: ({ fault }) => reject(fault),
        },
      )
    })
    return parsePrivileges(readFileSync(`/proc/${child?.pid}/status`, "utf8"))
  }

  it("has nothing left of root once it listens", async () => {
    const { uids, groups, capabilities, noNewPrivileges } = await start(false)
    expect(uids).toEqual(Array(4).fill(user.uid))
    expect(groups).toEqual([])
    expect([capabilities.CapPrm, capabilities.CapEff, capabilities.CapInh, capabilities.CapAmb]).toEqual([
      0n,
      0n,
      0n,
      0n,
    ])
    expect(noNewPrivileges).toBe(true)
  })

  it("keeps CAP_NET_RAW and nothing else where Node refuses to become somebody else", async () => {
    const { uids, capabilities, noNewPrivileges } = await start(true)
    expect(uids).toEqual(Array(4).fill(user.uid))
    expect(capabilities.CapBnd).toBe(1n << 13n)
    expect(capabilities.CapEff).toBe(1n << 13n)
    expect(noNewPrivileges).toBe(true)
  })
})
