import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { shellAccounts, sshUnavailable } from "../../../support/lab/ssh-server.ts"
import { matrix } from "../../../support/matrix.ts"
import { SshStage } from "./stage.ts"

if (sshUnavailable) process.stderr.write(`skipped: login shells: ${sshUnavailable}\n`)

describe.skipIf(sshUnavailable)("behind a banner, and a login shell that prints", () => {
  const stage = new SshStage([`Banner ${join(import.meta.dirname, "stage.ts")}`, "PrintMotd yes"])
  const file = join(stage.lab.folder, "it's my file.sh")
  beforeAll(() => stage.start())
  afterEach(() => stage.clear())
  afterAll(() => stage.lab.close())

  for (const shell of matrix(Object.keys(shellAccounts), 2)) {
    const isThere = existsSync(`/usr/bin/${shell}`)
    if (!isThere) process.stderr.write(`skipped: login shell ${shell}: it is not installed\n`)
    it.skipIf(!isThere)(
      `${shell}: a host is armed, and a change is made and confirmed`,
      () => {
        const armed = stage.run("arm", `${shell}-user`, "--json")
        expect(armed.object).toMatchObject({ event: "armed", exitCode: 0, verdict: "alive" })
        writeFileSync(file, "iptables -A INPUT -p tcp --dport 2222 -j ACCEPT\n")
        const applied = stage.run("apply", `${shell}-user`, file, "--json")
        expect(applied.object).toMatchObject({ event: "confirmed", exitCode: 0 })
        expect(stage.rules()).toContain("dport 2222")
      },
      60_000,
    )
  }
})
