import type { Finding } from "../../check/finding.ts"
import { firewallFindings } from "../../check/firewall.ts"
import { listenerUserFinding } from "../../check/listener-user.ts"
import { loopbackKnock } from "../../check/loopback-knock.ts"
import { outsideFilters } from "../../check/outside-filters.ts"
import { rehearseOpen } from "../../check/rehearse-open.ts"
import { Fault } from "../../errors.ts"
import { findTools } from "../../firewall/tools/tool-paths.ts"
import { listenerUser, namedListenerUser, spawnListener } from "../../guard/listeners/spawn.ts"
import { exitCodeFor } from "../../report/outcome.ts"
import { knockPorts } from "../../system/network/login-ports.ts"
import { runCommand } from "../../system/process/run-command.ts"
import { findSystemTools } from "../../system/process/system-tools.ts"
import { systemClock } from "../../system/system-clock.ts"
import type { Terminal } from "../terminal/terminal.ts"

/**
 * `fw-watchdog check`: would a reset work here? One line for each finding, with what to do about it. Changes nothing.
 *
 * @returns 0 when it would, 1 when something stands in the way
 * @throws Fault `permission` without root, `missing` without the tools to look with
 */
export async function check(terminal: Terminal): Promise<number> {
  if (process.geteuid?.() !== 0)
    throw new Fault("permission", "cannot check without root", { hint: "sudo fw-watchdog check" })
  const system = findSystemTools()
  const findings: Finding[] = []
  const say = (found: readonly Finding[]): void => {
    findings.push(...found)
    for (const finding of found) show(finding, terminal)
  }
  say([
    await loopbackKnock({
      clock: systemClock,
      spawn: spawnListener,
      user: listenerUser(),
      tcpPorts: knockPorts(),
    }),
  ])
  say(listenerUserFinding(namedListenerUser().name))
  say(await firewallFindings(runCommand, systemClock))
  const tools = findTools()
  say(await rehearseOpen({ run: runCommand, runHere: runCommand, clock: systemClock, tools, system }))
  say(await outsideFilters({ run: runCommand, clock: systemClock, tools }))
  const problems = findings.filter((finding) => finding.level === "problem").length
  terminal.report({
    event: "checked",
    code: problems === 0 ? "done" : "refused",
    message:
      problems === 0
        ? "a reset would work here"
        : `a reset would not be sure to work here: ${problems} to look at`,
    ...(problems === 0 ? { hint: "only `fw-knock probe` from the workstation proves the way here" } : {}),
    facts: { problems },
  })
  return exitCodeFor(problems === 0 ? "done" : "refused")
}

function show({ level, subject, message, advice }: Finding, terminal: Terminal): void {
  if (terminal.json) terminal.object({ event: "finding", level, subject, message, advice })
  else terminal.result(`${level.padEnd(7)} ${message}${advice === undefined ? "" : `\n        ${advice}`}`)
}
