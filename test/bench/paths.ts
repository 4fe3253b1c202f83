import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** `scripts/bench` starts the compiled program in the root of the checkout; sources and results lie under it. */
export const benchFolder = join(process.cwd(), "test/bench")

/** Our programs as the Debian package starts them: launcher, bundle, its own Node.js, bytecode. `scripts/bench` lays them out. */
const packaged = (name: string): string =>
  fileURLToPath(new URL(`../../packaged/launchers/${name}`, import.meta.url))
export const packagedKnock = packaged("fw-knock")
export const packagedWatchdog = packaged("fw-watchdog")
export const packagedApply = packaged("fw-apply")
