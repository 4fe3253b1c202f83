import { closeSync, openSync, readSync } from "node:fs"

/** Read at once, and given out piece by piece: a knock takes a few, ten thousand hosts take many. */
const poolBytes = 4096
let pool = new Uint8Array()

/**
 * Random bytes from the system's generator: urandom(4), which gives what getrandom(2) does once a machine has booted. Not by
 * node:crypto, whose loading takes longer than all that a knock computes. None is given out twice.
 */
export function randomBytes(length: number): Uint8Array {
  if (length > pool.length) pool = readRandom(Math.max(length, poolBytes))
  const bytes = pool.subarray(0, length)
  pool = pool.subarray(length)
  return bytes
}

function readRandom(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  const descriptor = openSync("/dev/urandom", "r")
  try {
    if (readSync(descriptor, bytes) !== length) throw new Error("cannot read random bytes from /dev/urandom")
    return bytes
  } finally {
    closeSync(descriptor)
  }
}
