import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { eventually } from "../support/lab/programs.ts"
import { withDescendants } from "../support/processes.ts"
import { kill, type Stage, secondAddress } from "./stage.ts"
import { pick, type Random } from "./steps.ts"

const endings = ["disarm", "expiry", "SIGTERM", "kill and resume"] as const

/** A session on the second server from arming to one of its ends; nothing may be left behind. */
export async function shortSession(stage: Stage, random: Random): Promise<void> {
  const { second, short } = stage
  const ending = pick(endings, random)
  const onExpiry = pick(["disarm", "reset", "rollback"] as const, random)
  const before = second.pids()
  short.arm("--timeout", ending === "expiry" ? "12s" : "5m", "--on-expiry", onExpiry)
  stage.probe(secondAddress, short)
  second.run(["iptables-nft", "-P", "INPUT", "DROP"])
  await stage.expectOpen(secondAddress, false, "a lockout of the second server")
  await stage.reset(secondAddress, short)
  const guard = short.status().guardPid as number
  const processes = withDescendants([guard])
  await end(stage, ending, guard)

  const left = [...processes, ...second.pids()].filter((pid) => !before.includes(pid) && alive(pid))
  if (left.length > 0) stage.complain(`processes left after ${ending}: ${left.join(" ")}`)
  const files = readdirSync(short.runtimeFolder()).filter((name) => /journal|\.sock$/.test(name))
  if (files.length > 0) stage.complain(`files left after ${ending}: ${files.join(" ")}`)
  // What was owed has been done; all ways lead to the open state of arming.
  await stage.expectOpen(secondAddress, true, `${ending} with --on-expiry ${onExpiry}`)
  second.run(["nft", "flush", "ruleset"])
}

async function end(stage: Stage, ending: (typeof endings)[number], guard: number): Promise<void> {
  const { short } = stage
  const over = (limitMs: number): Promise<void> =>
    eventually("the end of a short session", () => !alive(guard), limitMs)
  switch (ending) {
    case "disarm":
      short.disarm()
      return await over(10_000)
    case "expiry":
      return await over(20_000)
    case "SIGTERM":
      kill(guard, "SIGTERM")
      return await over(15_000)
    case "kill and resume": {
      kill(guard)
      await over(5000)
      const resumed = short.try("resume", "--json")
      if (resumed.code !== 0) return stage.complain(`resume: exit ${resumed.code}: ${resumed.stderr}`)
      stage.probe(secondAddress, short)
      const next = short.status().guardPid as number
      short.disarm()
      await eventually("the end of a resumed session", () => !alive(next), 10_000)
    }
  }
}

const alive = (pid: number): boolean => existsSync(join("/proc", String(pid)))
