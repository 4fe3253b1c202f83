import type { Knocker } from "../../client/knocker.ts"
import type { PortCheck } from "../../client/tcp-check.ts"

/** How knocks get to a host, and looks at its ports. */
export interface Road {
  readonly knocker: Knocker
  /** The best state of the port over all addresses; undefined without a port. */
  check(addresses: readonly string[], port: number | undefined): Promise<PortCheck | undefined>
  /** Opens a new connection that stands until it is destroyed. @throws Fault `refused` when none comes up */
  connect(host: string, addresses: readonly string[], port: number): Promise<{ destroy(): void }>
}
