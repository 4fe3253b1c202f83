import { monotonicClock } from "../../../clock.ts"
import { Fault } from "../../../errors.ts"
import { exitCodeFor, type Outcome } from "../../../report/outcome.ts"
import { expiryBounds } from "../../../secrets/enrolled.ts"
import { parseDuration } from "../../terminal/duration.ts"
import type { ProgramHost, Terminal } from "../../terminal/terminal.ts"
import { KnownHosts } from "../known-hosts/known-hosts.ts"
import { agreeBy, keep, keepAlive } from "./agreed.ts"
import { Interrupt } from "./interrupt.ts"
import { logIn } from "./login.ts"
import type { SshOptions } from "./options.ts"
import { WayIn } from "./road/way-in.ts"

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
  if (expires !== undefined) parseDuration(expires, "--expires", expiryBounds)
  const interrupt = new Interrupt()
  const known = await new KnownHosts(host).find(typed)
  const name = known.target.host
  const clock = monotonicClock
  try {
    const login = await logIn(known, options, { terminal, host, interrupt, clock })
    try {
      terminal.progress(`enrolling at ${name}`)
      const more = expires === undefined ? [] : ["--expires", expires]
      const agreed = await interrupt.during(agreeBy(login.server, "enroll", more), () => cutOff(name))
      const kept = await keep(known, login, agreed.secret, host, true)
      const { name: holder, armed, expiresMs } = agreed.outcome.facts ?? {}
      const facts = { host: name, name: holder ?? "", armed: armed === true, ...(expiresMs && { expiresMs }) }
      if (armed !== true) return say(terminal, notArmed(name, facts))
      terminal.progress(`knocking at ${name}`)
      const wayIn = new WayIn(login.road, agreed.secret, clock)
      try {
        const alive = await interrupt.during(wayIn.knock("probe", options.waitMs), () => unproven(name))
        if (alive.code !== "done") return say(terminal, notHeard(name, alive, facts))
        keepAlive(kept, wayIn, clock)
        const message = alive.message.replace(": alive", ": enrolled, and alive")
        return say(terminal, { ...alive, event: "enrolled", message, facts: { ...alive.facts, ...facts } })
      } finally {
        wayIn.close()
      }
    } finally {
      await login.server.close()
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
