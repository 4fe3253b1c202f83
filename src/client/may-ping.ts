import { Fault } from "../errors.ts"
import { openTransmitters } from "../transmit/open-transmitters.ts"

/**
 * Opens what a knock would be sent with, and closes it.
 * @returns the fault, with what to do, when this process can send no pings of this family
 */
export async function whyNoPings(family: 4 | 6): Promise<Fault | undefined> {
  const transmitters = openTransmitters({ reply: () => {}, unreachable: () => {} })
  try {
    await transmitters.of(family)
    return undefined
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  } finally {
    transmitters.close()
  }
}
