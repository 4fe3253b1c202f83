import { join } from "node:path"
import type { ArmedSecret } from "../machine/configuration.ts"
import type { ChangeOrder } from "../machine/event.ts"

/** A command on the control socket: one JSON object a line. The closed set of what root may ask of a running guard. */
export type ControlCommand =
  | { readonly command: "status" }
  /** Puts back what the last open changed; answers when that is done. */
  | { readonly command: "undo" }
  | { readonly command: "extend"; readonly byMs: number }
  | { readonly command: "disarm"; readonly by: string }
  /** Changes the rules; answers when they are in force, or when it is known that they will not be. */
  | { readonly command: "apply"; readonly order: ChangeOrder }
  /** Keeps the change that waits. The process that asks is looked at: over which connection does it come? */
  | { readonly command: "confirm"; readonly pid: number }
  /** Takes back the change that waits; answers when that is done. */
  | { readonly command: "rollback"; readonly by: string }
  /** Accepts knocks under one more secret, for as long as the session lasts. */
  | { readonly command: "add-secret"; readonly secret: ArmedSecret }
  /** Accepts no knock any more under an enrolled secret. */
  | { readonly command: "revoke-secret"; readonly name: string }
  /** Answers with the status and then every event as it happens, until either side closes. */
  | { readonly command: "watch" }

/** The other end of a command: it answers with one JSON object, or for `watch` a stream of them. */
export interface ControlHandler {
  /** `closed` takes what is to be done when the asking side goes away. */
  handle(command: ControlCommand, reply: (value: unknown) => void, closed: (then: () => void) => void): void
}

const socketName = "control.sock"

/** The control socket's path below a runtime folder. */
export const controlPath = (runtimeFolder: string): string => join(runtimeFolder, socketName)

export function parseCommand(line: string): ControlCommand | undefined {
  try {
    const value = JSON.parse(line) as Record<string, unknown>
    if (value.command === "status" || value.command === "watch" || value.command === "undo")
      return { command: value.command }
    if (value.command === "extend" && Number.isSafeInteger(value.byMs) && (value.byMs as number) > 0)
      return { command: "extend", byMs: value.byMs as number }
    if (value.command === "apply") return parseOrder(value.order)
    if (value.command === "confirm" && Number.isSafeInteger(value.pid))
      return { command: "confirm", pid: value.pid as number }
    if (value.command === "rollback") return { command: "rollback", by: String(value.by ?? "").slice(0, 200) }
    if (value.command === "add-secret") return parseSecretToAdd(value.secret)
    if (value.command === "revoke-secret" && typeof value.name === "string")
      return { command: "revoke-secret", name: value.name }
    if (value.command === "disarm") return { command: "disarm", by: String(value.by ?? "").slice(0, 200) }
  } catch {
    // Not JSON: answered below like any other unknown command.
  }
  return undefined
}

function parseSecretToAdd(value: unknown): ControlCommand | undefined {
  const { host, name, secret, enrolled, expiresMs } = value as ArmedSecret
  const sound = [host, name].every((text) => typeof text === "string") && /^[0-9a-f]{32}$/.test(secret)
  if (!sound) return undefined
  if (enrolled !== true) return { command: "add-secret", secret: { host, name, kind: "one-time", secret } }
  if (expiresMs !== undefined && !Number.isSafeInteger(expiresMs)) return undefined
  const until = expiresMs === undefined ? {} : { expiresMs }
  return { command: "add-secret", secret: { host, name, kind: "standing", enrolled, secret, ...until } }
}

function parseOrder(value: unknown): ControlCommand | undefined {
  const order = value as ChangeOrder
  const texts = [order.id, order.user, order.client, order.candidate, order.rehearsed]
  const numbers = [order.withinMs, order.sshPort]
  const flags = [order.force, order.save]
  const sound =
    texts.every((text) => typeof text === "string") &&
    numbers.every((number) => Number.isSafeInteger(number) && number >= 0) &&
    flags.every((flag) => typeof flag === "boolean")
  return sound ? { command: "apply", order } : undefined
}
