import type { Clock } from "../../clock.ts"
import type { LookDeps } from "../../firewall/obstacles/looking.ts"
import type { ArmedFirewall } from "../../firewall/open/contract.ts"
import type { Outcome } from "../../report/outcome.ts"
import type { ReadConnections } from "../../system/network/tcp-connections.ts"
import type { RunCommand } from "../../system/process/run-command.ts"
import type { StartLoader } from "../../system/process/standby-process.ts"
import type { SpawnListener } from "../listeners/supervisor.ts"
import type { Snapshots } from "../state/snapshots.ts"
import type { RecordWriter } from "./record-writer.ts"

/** Everything that a session's effects are carried out on. */
export interface RuntimeParts {
  readonly clock: Clock
  readonly run: RunCommand
  /** The files and programs that obstacles are looked for with. */
  readonly look: LookDeps
  readonly firewall: ArmedFirewall
  readonly snapshots: Snapshots
  readonly writer: RecordWriter
  readonly connections: ReadConnections
  readonly spawnListener: SpawnListener
  /** Starts what hears the kernel tell of interfaces and addresses. */
  readonly startNews?: StartLoader
  /** Takes every event once; must not block. */
  readonly emit: (outcome: Outcome) => void
  /** Nonces that are remembered; many unless told. */
  readonly nonceCapacity?: number
}
