import { monotonicClock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import { exitCodeFor, type Outcome } from "../../../report/outcome.ts"
import { keepRecord } from "../../../secrets/host-records.ts"
import { parseDuration } from "../../terminal/duration.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import { KnownHosts } from "../known-hosts/known-hosts.ts"
import { agreeBy, keep } from "./arm.ts"
import { install } from "./install.ts"
import { Interrupt } from "./interrupt.ts"
import type { SshOptions } from "./options.ts"
import { roadTo } from "./road.ts"
import { Server } from "./server.ts"
import { WayIn } from "./way-in.ts"

/**
 * `fw-knock enroll HOST`: one login, and a secret that the sessions there accept until it expires or is revoked. Proven where one is armed.
 * @param expires as typed
 * @returns the exit code; everything has been said
 */
export async function enroll(
  typed: string,
  options: SshOptions,
  expires: string | undefined,
  terminal: Terminal,
  host: ProgramHost,
): Promise<number> {
  if (expires !== undefined) parseDuration(expires, "--expires", { min: 1000, max: 3650 * 86_400_000 })
  const interrupt = new Interrupt()
  const known = await new KnownHosts(host).find(typed)
  const name = known.target.host
  try {
    terminal.progress(`logging in to ${name}`)
    const server = await interrupt.during(
      Server.logIn(typed, options.ssh, host),
      () => new Fault("refused", `interrupted: nothing was done on ${name}`),
    )
    try {
      const road = await roadTo(server, options, monotonicClock)
      if (options.install) await interrupt.during(install(server, terminal), () => cutOff(name))
      terminal.progress(`enrolling at ${name}`)
      const more = expires === undefined ? [] : ["--expires", expires]
      const agreed = await interrupt.during(agreeBy(server, ["enroll"], more), () => cutOff(name))
      const kept = await keep(known, server, road, agreed.secret, host, true)
      const { name: holder, armed, expiresMs } = agreed.outcome.facts ?? {}
      const facts = { host: name, name: holder ?? "", armed: armed === true, ...(expiresMs && { expiresMs }) }
      if (armed !== true) return say(terminal, notArmed(name, facts))
      terminal.progress(`knocking at ${name}`)
      const wayIn = new WayIn(road, agreed.secret, monotonicClock)
      try {
        const alive = await interrupt.during(wayIn.knock("probe", options.waitMs), () => unproven(name))
        if (alive.code !== "done") return say(terminal, notHeard(name, alive, facts))
        const addresses = [...new Set([wayIn.proven ?? "", ...road.addresses])].filter(Boolean)
        keepRecord(kept.folder, { ...kept.record, addresses, aliveMs: monotonicClock.wallMs() })
        const message = alive.message.replace(": alive", ": enrolled, and alive")
        return say(terminal, { ...alive, event: "enrolled", message, facts: { ...alive.facts, ...facts } })
      } finally {
        wayIn.close()
      }
    } finally {
      await server.close()
    }
  } finally {
    interrupt.stop()
  }
}

function say(terminal: Terminal, outcome: Outcome): number {
  terminal.report(outcome)
  return exitCodeFor(outcome.code)
}

const notArmed = (name: string, facts: NonNullable<Outcome["facts"]>): Outcome => ({
  event: "enrolled",
  code: "done",
  message: `${name}: enrolled; no session is armed there, so no knock is heard yet`,
  hint: `fw-knock arm ${name}, or there: systemctl enable --now fw-watchdog`,
  facts,
})

const notHeard = (name: string, { message }: Outcome, facts: NonNullable<Outcome["facts"]>): Outcome => ({
  event: "enrolled",
  code: "no-answer",
  message: `${name} is enrolled, and no knock arrives: ${message.replace(`${name}: `, "")}`,
  hint: `fw-knock probe ${name}`,
  facts,
})

const cutOff = (name: string): Fault =>
  new Fault(
    "state-unknown",
    `interrupted while ${name} was enrolling; nobody knows whether a secret is kept there`,
    {
      hint: `again: fw-knock enroll ${name}`,
    },
  )

const unproven = (name: string): Fault =>
  new Fault(
    "state-unknown",
    `interrupted: ${name} is enrolled, and nobody knows whether a knock gets there`,
    {
      hint: `fw-knock probe ${name}`,
    },
  )
