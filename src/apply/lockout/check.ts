import { Fault } from "../../errors.ts"
import type { ProveDeps } from "../../firewall/restore/prove.ts"
import { compareSnapshots } from "../../firewall/snapshot/compare.ts"
import { type Snapshot, takeSnapshot } from "../../firewall/snapshot/snapshot.ts"
import type { MachineCopy } from "../rehearsal/machine-copy.ts"
import type { SshConnection } from "../ssh-client.ts"
import { stoppedByCounters } from "./by-counters.ts"
import { stoppedInTrace, traceConnection } from "./by-trace.ts"

/** The answer whether the client still gets in. */
export type LockoutVerdict =
  | { readonly way: "open"; readonly family: "IPv4" | "IPv6" }
  | {
      readonly way: "shut"
      /** "iptables-nft filter INPUT: -p tcp --dport 22 -j DROP", "... INPUT: policy DROP", or "unknown". */
      readonly rule: string
      readonly message: string
    }
  /** The copy cannot show it. */
  | { readonly way: "unknown"; readonly message: string }

/** A SYN that gets no answer is sent again after one second (RFC 6298): two tries. */
const budgetMs = 1500

async function load(copy: MachineCopy, candidate: Snapshot): Promise<void> {
  const { failures } = await copy.load(candidate)
  if (failures.length > 0)
    throw new Fault("refused", `the new rules do not load in the rehearsal: ${failures[0]}`, {
      hint: "nothing was changed",
    })
}

/**
 * Puts the candidate in force in the copy and connects from the client's address to the server's, once, by TCP, until
 * data has gone both ways. When that fails it is done again under a trace, to name the rule.
 * @param inForce what the copy holds now; with the rules of the candidate already, nothing is loaded
 * @throws Fault `refused` when the candidate does not even load
 */
export async function checkLockout(
  deps: ProveDeps,
  copy: MachineCopy,
  inForce: Snapshot,
  candidate: Snapshot,
  connection: SshConnection,
): Promise<LockoutVerdict> {
  if (compareSnapshots(candidate, inForce, "ignored").length > 0) await load(copy, candidate)
  const { clientRoute } = copy.net
  if (clientRoute === undefined)
    return unknown(
      `no route leads to ${connection.clientAddress}, so a connection from there cannot be tried`,
    )
  const lacking = await copy.net.plugIn()
  const family = clientRoute.family === "inet6" ? "IPv6" : "IPv4"
  const opens = (): LockoutVerdict => {
    if (lacking.length > 0)
      return unknown(`the rehearsal does not take this policy routing: ${lacking.join("; ")}`)
    if (copy.notLoaded.length > 0) return unknown(`the rehearsal is without ${copy.notLoaded.join("; ")}`)
    return { way: "open", family }
  }
  if ((await copy.net.connect(budgetMs)).ok) return opens()
  const there = { ...deps, run: copy.files.run }
  const counted = await takeSnapshot(there, "before a connection")
  const traced = await traceConnection(copy.files, deps, () => copy.net.connect(budgetMs))
  // It came through this time: a rule that counts, such as limit or recent, which is not shut.
  if (traced.connected.ok) return opens()
  const byTrace = await stoppedInTrace(copy.files.run, deps, traced.events, clientRoute.port, candidate)
  const rule =
    byTrace ?? stoppedByCounters(counted, await takeSnapshot(there, "after a connection")) ?? "unknown"
  const path = `${clientRoute.client} to ${clientRoute.server} port ${clientRoute.port} (${family}, ${clientRoute.device})`
  const routing = copy.net.policy ? "; policy routing may (`ip rule`), by a mark that a rule sets" : ""
  const by = rule === "unknown" ? `no rule was seen to stop it${routing}` : `stopped by ${rule}`
  return { way: "shut", rule, message: `a new connection from ${path}: ${traced.connected.how}, ${by}` }
}

const unknown = (why: string): LockoutVerdict => ({
  way: "unknown",
  message: `nobody knows whether a new connection still gets in: ${why}`,
})
