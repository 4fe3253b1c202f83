import type { ToListener } from "../../pipe/messages.ts"
import type { Receiver } from "../knocks/receiver.ts"
import { listenerUser } from "../listeners/spawn.ts"
import type { SessionConfiguration } from "../machine/configuration.ts"

/** Everything that a listener is told before it starts. */
export function listenerSetup(
  { devices, from, plain, tcpPorts }: SessionConfiguration,
  receiver: Pick<Receiver, "screenKeys">,
): ToListener[] {
  return [
    { type: "configure", devices, from, plain, tcpPorts, ...listenerUser() },
    ...receiver.screenKeys(),
    { type: "start" },
  ]
}
