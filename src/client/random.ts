import { closeSync, openSync, readSync } from "node:fs"

/**
 * Random bytes from the system's generator: urandom(4), which gives what getrandom(2) does once a machine has booted. Not by
 * node:crypto, whose loading takes longer than all that a knock computes.
 */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const descriptor = openSync("/dev/urandom", "r")
  try {
    if (readSync(descriptor, bytes) !== length) throw new Error("cannot read random bytes from /dev/urandom")
    return bytes
  } finally {
    closeSync(descriptor)
  }
}
