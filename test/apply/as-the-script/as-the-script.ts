import { expect } from "vitest"
import { type RawViews, rawDifferences, rulesInForce } from "../../support/firewall/raw-views.ts"
import type { Host, Lab } from "../../support/lab/lab.ts"
import { WholeWay } from "../../support/whole-way.ts"

/** A state, and a script that an operator runs on it. */
export interface Case {
  readonly name: string
  /** Nothing, unless told. */
  readonly before?: string
  /** It has to end well on what it has made itself, too. */
  readonly script: string
}

let machines = 0

/**
 * Goes the whole way with a script: what fw-apply makes of it is what the script makes when it simply runs, to the last line
 * that any tool prints; it goes back to what was there; and behind it the same script changes nothing.
 */
export async function goesAsTheScript(lab: Lab, { before = "true", script }: Case): Promise<void> {
  machines += 1
  const machine = (name: string): Host => {
    const host = lab.host(`${name}${machines}`)
    host.sh(`ip link add eth0 type veth peer name eth1\n${before}`)
    return host
  }
  const [host, twin] = [machine("m"), machine("t")]
  const was = rulesInForce(host)
  twin.sh(script)
  const wanted = rulesInForce(twin)

  const way = new WholeWay(lab, host)
  const input = way.input(`#!/bin/sh\n${script}\n`)
  const change = async () => {
    const plan = await way.plan(input, true)
    const applied = await way.apply(plan)
    if ("event" in applied) throw new Error(JSON.stringify(applied))
    expect(differences(wanted, rulesInForce(host)), "behind fw-apply").toEqual([])
    return { applied, plan }
  }
  const { applied, plan } = await change()
  expect(plan.difference.changed, "the plan says changed").toBe(differences(was, wanted).length > 0)
  expect(plan.notes, "the notes").toEqual([])
  expect(await way.revert(applied), "the revert").toBeUndefined()
  expect(differences(was, rulesInForce(host)), "behind the revert").toEqual([])
  await change()
  expect((await way.plan(input, true)).difference, "a second run").toMatchObject({ changed: false })
}

/** The order of tables and chains decides nothing here: no two of them are at one hook. */
function differences(one: RawViews, other: RawViews): string[] {
  const found = [...rawDifferences(one, other)].filter(([view]) => !view.endsWith(", order"))
  return found.map(([view, lines]) => `${view}:\n${lines.join("\n")}`)
}
