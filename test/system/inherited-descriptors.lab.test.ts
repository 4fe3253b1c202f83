import { readdirSync, readlinkSync } from "node:fs"
import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../support/lab/lab.ts"
import { ArmedServer } from "../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: inherited descriptors: ${labUnavailable}\n`)

/** What a process has open; what ends or is closed meanwhile is left out. */
function descriptors(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}

describe.skipIf(labUnavailable)("what the arming shell has open", () => {
  const { lab, server } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)

  it("is open in none of the session's processes", () => {
    const command = armed.command("--detach", "--timeout", "1m", "--secret-file", armed.secretFile)
    server.run(["sh", "-c", 'exec 7</etc/shadow 9>/dev/zero; exec "$@"', "sh", ...command], {
      env: armed.environment,
    })
    const pids = server.pids()
    expect(pids.length).toBeGreaterThan(2) // guard, listener, loaders
    for (const pid of pids) {
      const open = descriptors(pid)
      expect(open).not.toContain("/etc/shadow")
      expect(open).not.toContain("/dev/zero")
    }
  })
})
