/**
 * What src/sender/load-raw-socket.ts is in the packaged programs: raw-socket's JavaScript is bundled with them, and only its
 * addon is a file of its own. Looking for a package costs a knock a millisecond.
 */
export function loadRawSocket(): typeof import("raw-socket") {
  return require("raw-socket")
}
