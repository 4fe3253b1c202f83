import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ruleFiles } from "../../apply/candidate/rule-files.ts"
import { renderDifference } from "../../apply/difference/difference.ts"
import type { PlannedChange } from "../../apply/plan.ts"
import { InputRefused } from "../../apply/rehearse.ts"
import type { SshConnection } from "../../apply/ssh-client.ts"
import { Fault, reasonOf } from "../../errors.ts"
import { formatDuration } from "../../report/duration.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import type { ApplyOptions } from "./options.ts"

/** Shows a planned change as people read a diff, besides what else they should know of it. */
export function showPlan(plan: PlannedChange, terminal: Terminal, host: ProgramHost): void {
  if (terminal.json) return
  const coloured = host.stdout.isTTY === true && !host.env.NO_COLOR && host.env.TERM !== "dumb"
  for (const line of renderDifference(plan.difference, coloured)) terminal.rendered(line)
  for (const file of plan.writes) terminal.warn(`the script would write ${file}; it is not written`)
  for (const note of plan.notes) terminal.warn(note)
  if (plan.kept.length > 0)
    terminal.say(`kept of other programs: ${plan.kept.join(", ")} (--replace-all takes them too)`)
  if (plan.lockout?.way === "open")
    terminal.say(`a new connection over ${plan.lockout.family} still gets in, in the rehearsal`)
}

/** The same for `--json`: facts of every outcome that a plan leads to. `rule` is the one that shuts the way in. */
export function planFacts(plan: PlannedChange): NonNullable<Outcome["facts"]> {
  const { difference, kept, writes, notes, lockout } = plan
  return {
    changed: difference.changed,
    added: difference.lines.filter(({ kind }) => kind === "added").length,
    removed: difference.lines.filter(({ kind }) => kind === "removed").length,
    keptForeign: kept,
    writes,
    notes,
    wayIn: lockout?.way === "open" ? lockout.family : (lockout?.way ?? "unknown"),
    ...(lockout?.way === "shut" ? { rule: lockout.rule } : {}),
  }
}

/** The same with the difference, line by line, for whoever shows it. */
export function planFactsWithDifference(plan: PlannedChange): NonNullable<Outcome["facts"]> {
  return { ...planFacts(plan), difference: renderDifference(plan.difference, false) }
}

/** `--check`: what would happen. */
export function checkOutcome(plan: PlannedChange): Outcome {
  const { changed } = plan.difference
  return {
    event: changed ? "would-change" : "unchanged",
    code: changed ? "would-change" : "done",
    message: changed ? "the rules would change" : "these rules are in force already",
    facts: planFactsWithDifference(plan),
  }
}

/** `--print`: the candidate as files that iptables-restore, ipset and nft take. @throws Fault when they cannot be written */
export function printRules(plan: PlannedChange, where: string, terminal: Terminal): Outcome {
  const files = ruleFiles(plan.candidate)
  if (where === "-") {
    for (const { text } of files) for (const line of text.trimEnd().split("\n")) terminal.result(line)
  } else {
    try {
      mkdirSync(where, { recursive: true, mode: 0o700 })
      for (const { name, text } of files) writeFileSync(join(where, name), text, { mode: 0o600 })
    } catch (thrown) {
      throw new Fault("usage", `cannot write the rules to ${where}: ${reasonOf(thrown)}`)
    }
  }
  const names = files.map(({ name }) => name)
  const message =
    where === "-" ? "nothing was changed" : `wrote ${names.join(", ")} to ${where}; nothing was changed`
  return {
    event: "printed",
    code: "done",
    message,
    facts: { ...planFacts(plan), changed: false, files: names },
  }
}

/** The rule file that a script made and that was refused, with numbered lines, as the tool's words name them. */
export function showGenerated(thrown: unknown, terminal: Terminal): void {
  if (!(thrown instanceof InputRefused) || thrown.generated === undefined || terminal.json) return
  terminal.say("the rule file that the script made:")
  const lines = thrown.generated.trimEnd().split("\n")
  for (const [index, line] of lines.entries()) terminal.show(`${String(index + 1).padStart(5)}  ${line}`)
}

/** The change would lock out, or may; undefined when it does not, or when that is to be risked. */
export function lockedOut(plan: PlannedChange, force: boolean, terminal: Terminal): Outcome | undefined {
  const { lockout } = plan
  if (lockout === undefined || lockout.way === "open") return undefined
  const isShut = lockout.way === "shut"
  const message = isShut ? `would lock you out: ${lockout.message}` : lockout.message
  if (force) {
    terminal.warn(`${message}; going on because of --force`)
    return undefined
  }
  const facts = { ...planFactsWithDifference(plan), changed: false }
  if (isShut)
    return {
      event: "locked-out",
      code: "refused",
      message,
      hint: "nothing was changed; let that connection in, or --force",
      facts,
    }
  return {
    event: "way-in-unknown",
    code: "refused",
    message,
    hint: "nothing was changed; --force goes on: the change goes back by itself unless a new connection confirms it",
    facts,
  }
}

/** The instructions once the rules are in force; the first line is the one to copy. */
export function showConfirmLines(
  options: ApplyOptions,
  address: string,
  connection: SshConnection | undefined,
  { knocks, host: knockHost, proven }: { knocks: boolean; host: string; proven: boolean },
  terminal: Terminal,
  host: ProgramHost,
): void {
  if (terminal.json) return
  const user = host.env.SUDO_USER ?? host.env.LOGNAME ?? host.env.USER ?? "root"
  const port = connection?.serverPort ?? 22
  const sudo = user === "root" ? "" : "sudo "
  const at = port === 22 ? "" : `-p ${port} `
  const check = port === 22 ? "" : ` --check tcp/${port}`
  terminal.show("")
  terminal.show(`within ${formatDuration(options.withinMs)}, from a new terminal on your workstation:`)
  terminal.show(`       ssh -t -S none ${at}${user}@${address} ${sudo}fw-apply confirm`)
  if (knocks) terminal.show(`  or   fw-knock confirm${check} ${knockHost}`)
  if (knocks && !proven) terminal.show("       (not proven: no knock was answered yet)")
  terminal.show("")
}
