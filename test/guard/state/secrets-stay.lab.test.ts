import { readdirSync, readFileSync } from "node:fs"
import { afterAll, describe, expect, it } from "vitest"
import { formatSecret } from "../../../src/secrets/secret.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: where secrets are: ${labUnavailable}\n`)

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return "" // it ended meanwhile
  }
}

describe.skipIf(labUnavailable)("a session's secrets", () => {
  const { lab, server } = twoHosts()
  afterAll(() => lab.close())
  const armed = new ArmedServer(lab, server)

  it("are in no process's arguments or environment, in no log, and in no core", () => {
    armed.arm("--timeout", "1m")
    const { guardPid, listenerPid } = armed.status() as { guardPid: number; listenerPid: number }
    const spellings = [Buffer.from(armed.secret).toString("hex"), formatSecret(armed.secret)]
    const places = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`])
    for (const path of [...places, `${armed.runtimeFolder()}/guard.stderr`])
      for (const spelling of spellings) expect([path, read(path).includes(spelling)]).toEqual([path, false])
    expect(JSON.stringify([armed.events(), armed.status()])).not.toMatch(new RegExp(spellings.join("|")))
    for (const pid of [guardPid, listenerPid])
      expect(read(`/proc/${pid}/limits`)).toMatch(/^Max core file size +0 +0 /m)
    armed.disarm()
  })
})
