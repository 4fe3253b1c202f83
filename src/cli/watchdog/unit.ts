import { Command, CommanderError } from "commander"
import { Fault, reasonOf } from "../../errors.ts"
import type { ArmingResult, GuardOrder } from "../../guard/launch/order.ts"
import { readStanding } from "../../guard/state/standing-secrets.ts"
import { systemClock } from "../../system/system-clock.ts"
import { usable } from "../arming/secrets.ts"
import { refuseSecretArguments } from "../terminal/commander.ts"
import { openTerminal, processHost } from "../terminal/terminal.ts"
import { type ArmOptionTexts, addArmOptions, checkArmOptions, configurationOf } from "./arm-options.ts"

/**
 * The order of a guard that arms by itself, from the options of `fw-watchdog arm`: as the main process of a service
 * manager's unit it has no arming command in front of it, no terminal for a one-time secret, and nobody to detach from.
 *
 * @throws Fault for every reason not to arm
 */
export function standingOrder(args: readonly string[]): GuardOrder {
  refuseSecretArguments(args)
  const options = checkArmOptions(parse(args))
  if (options.secretFile === undefined && options.plain === "")
    throw new Fault("usage", "a standing session needs its secrets", { hint: "give --secret-file FILE" })
  const terminal = openTerminal("fw-watchdog", processHost())
  const secrets =
    options.secretFile === undefined
      ? []
      : usable(readStanding(options.secretFile, systemClock.wallMs()), terminal)
  const armedBy = { user: "the service manager", from: "", terminal: "" }
  return { configuration: configurationOf(options, secrets, armedBy), standing: true }
}

function parse(args: readonly string[]): ArmOptionTexts {
  const command = addArmOptions(new Command("fw-watchdog"))
    .exitOverride()
    .configureOutput({ writeErr: () => {}, outputError: () => {} })
  try {
    return command.parse([...args], { from: "user" }).opts<ArmOptionTexts>()
  } catch (thrown) {
    const why = thrown instanceof CommanderError ? thrown.message.replace(/^error: /, "") : reasonOf(thrown)
    throw new Fault("usage", why, { hint: "the options of the unit are those of `fw-watchdog arm`" })
  }
}

/** Standard error of a unit is the journal. */
export function sayArmed(result: ArmingResult): boolean {
  const terminal = openTerminal("fw-watchdog", processHost())
  if (!result.ready) {
    terminal.say(result.message)
    if (result.hint !== "") terminal.say(`hint: ${result.hint}`)
    return true
  }
  terminal.say(`armed, hearing on ${result.devices.join(", ")}`)
  for (const note of result.notes) terminal.warn(note)
  return true
}
