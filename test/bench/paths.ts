import { join } from "node:path"

/** `scripts/bench` starts the compiled program in the root of the checkout; sources and results lie under it. */
export const benchFolder = join(process.cwd(), "test/bench")
