import { createRequire } from "node:module"

/**
 * raw-socket, loaded when it is wanted and not before, so that an addon that was not built is a message and not a crash.
 * The packaged programs have scripts/packaging/bundled-raw-socket.ts in this file's place.
 * @throws whatever loading it throws
 */
export function loadRawSocket(): typeof import("raw-socket") {
  return createRequire(import.meta.url)("raw-socket")
}
