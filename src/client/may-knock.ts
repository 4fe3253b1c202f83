import { Fault } from "../errors.ts"
import { openTransmitters } from "../transmit/open-transmitters.ts"
import { randomBytes } from "./random.ts"

/**
 * Opens what a knock would be sent with, and closes it.
 * @param tcpPort where segments may carry it too
 * @returns the fault, with what to do, when this process can send no pings of this family, nor segments where they would do
 */
export async function whyNoKnocks(family: 4 | 6, tcpPort?: number): Promise<Fault | undefined> {
  const transmitters = openTransmitters({ reply: () => {}, unreachable: () => {} }, randomBytes)
  try {
    await transmitters.of(family)
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    const byTcp =
      tcpPort === undefined ? undefined : await transmitters.of(family, tcpPort).catch(() => undefined)
    return byTcp === undefined ? thrown : undefined
  } finally {
    transmitters.close()
  }
}
