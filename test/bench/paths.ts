import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** `scripts/bench` starts the compiled program in the root of the checkout; sources and results lie under it. */
export const benchFolder = join(process.cwd(), "test/bench")

/** fw-knock with the launcher and the bytecode that the Debian package gives it, which `scripts/bench` lays out. */
export const packagedKnock = fileURLToPath(new URL("../../packaged/launchers/fw-knock", import.meta.url))
