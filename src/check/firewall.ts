import type { Clock } from "../clock.ts"
import { Fault, reasonOf } from "../errors.ts"
import { armFirewall } from "../firewall/open/arm-firewall.ts"
import type { RunCommand } from "../system/process/run-command.ts"
import type { Finding } from "./finding.ts"

/** Each backend that is here, and what an open would take away from it now. Changes nothing. */
export async function firewallFindings(run: RunCommand, clock: Clock): Promise<Finding[]> {
  try {
    const firewall = await armFirewall({ run, clock })
    try {
      const { backends, legacyTables } = firewall.describe()
      const findings: Finding[] = [
        { level: "ok", subject: "backends", message: `firewall tools: ${backends.join(", ")}` },
      ]
      if (legacyTables.length > 0)
        findings.push({
          level: "note",
          subject: "legacy-tables",
          message: `legacy tables in the kernel: ${legacyTables.join(", ")}`,
        })
      const dropping = await firewall.verify("all")
      for (const { backend, where } of dropping)
        findings.push({
          level: "note",
          subject: "would-open",
          message: `an open would take away, ${backend}: ${where}`,
        })
      if (dropping.length === 0)
        findings.push({ level: "ok", subject: "would-open", message: "nothing here can drop a packet now" })
      return findings
    } finally {
      firewall.close()
    }
  } catch (thrown) {
    const advice = thrown instanceof Fault ? thrown.hint : undefined
    return [
      {
        level: "problem",
        subject: "backends",
        message: reasonOf(thrown),
        ...(advice === undefined ? {} : { advice }),
      },
    ]
  }
}
