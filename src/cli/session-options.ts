import { resolve } from "node:path"
import type { ArmedBy, ArmedSecret, SessionConfiguration } from "../guard/configuration.ts"
import type { ArmOptions } from "./arm-options.ts"

/** What a session is told at its birth, from options that were checked. */
export function configurationOf(
  options: ArmOptions,
  secrets: readonly ArmedSecret[],
  armedBy: ArmedBy,
): SessionConfiguration {
  return {
    timeoutMs: options.timeoutMs,
    onExpiry: options.onExpiry,
    openForMs: options.openForMs,
    scope: options.scope,
    secrets,
    secretFile: options.secretFile === undefined ? "" : resolve(options.secretFile),
    plain: options.plain,
    devices: options.devices,
    from: options.from,
    dryRun: options.dryRun,
    quiet: options.quiet,
    armedBy,
  }
}
