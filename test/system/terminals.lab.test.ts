import { describe, expect, it } from "vitest"
import { terminalsInUse } from "../../src/system/terminals.ts"
import { labUnavailable } from "../support/lab/lab.ts"
import { eventually } from "../support/lab/programs.ts"
import { openTerminal } from "../support/used-terminal.ts"

if (labUnavailable) process.stderr.write(`skipped: terminals: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("terminals in use", () => {
  it("are those that somebody typed on since, each with whose it is", async () => {
    const terminal = await openTerminal()
    try {
      const inUse = (): string[] => terminalsInUse(Date.now() - 1000)
      expect(inUse()).not.toContain(terminal.name)
      terminal.type("iptables -P INPUT DROP")
      await eventually("its use", () => inUse().includes(terminal.name))
      expect(terminalsInUse(Date.now() + 60_000)).toEqual([])
    } finally {
      terminal.process.kill()
    }
  })
})
