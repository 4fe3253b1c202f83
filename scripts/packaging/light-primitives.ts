import { closeSync, openSync, readSync } from "node:fs"

/*
 * The hash functions of src/knock/crypto.ts without node:crypto, for the packaged fw-knock alone: a knock needs thirty
 * blocks of SHA-256, and these are faster than loading a library. The server's side has OpenSSL's.
 *
 * Time and secrets: nothing here branches on, or indexes by, what is hashed or compared; only lengths decide. V8 promises
 * nothing about the time of its operations, but 32-bit additions, rotations and exclusive ors of small integers are the same
 * instructions whatever their values. And nobody can ask for many: keys are derived and messages signed for the one who typed
 * the command, and a forged answer is compared once and then met with silence.
 */

/** FIPS 180-4 5.3.3: the state before the first block. */
const initialState = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]

/** FIPS 180-4 4.2.2: a constant for each round. */
// biome-ignore format: eight a line
const roundConstants = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])

const blockBytes = 64
const schedule = new Int32Array(64)

/** FIPS 180-4 6.2.2: one block of `bytes` into `state`. */
function compress(state: Int32Array, bytes: Uint8Array, at: number): void {
  const w = schedule
  const k = roundConstants
  for (let t = 0; t < 16; t += 1) {
    const i = at + t * 4
    w[t] =
      ((bytes[i] as number) << 24) |
      ((bytes[i + 1] as number) << 16) |
      ((bytes[i + 2] as number) << 8) |
      (bytes[i + 3] as number)
  }
  for (let t = 16; t < 64; t += 1) {
    const x = w[t - 15] as number
    const y = w[t - 2] as number
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    w[t] = ((w[t - 16] as number) + s0 + (w[t - 7] as number) + s1) | 0
  }
  let a = state[0] as number
  let b = state[1] as number
  let c = state[2] as number
  let d = state[3] as number
  let e = state[4] as number
  let f = state[5] as number
  let g = state[6] as number
  let h = state[7] as number
  for (let t = 0; t < 64; t += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (k[t] as number) + (w[t] as number)) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0] = (state[0] as number) + a
  state[1] = (state[1] as number) + b
  state[2] = (state[2] as number) + c
  state[3] = (state[3] as number) + d
  state[4] = (state[4] as number) + e
  state[5] = (state[5] as number) + f
  state[6] = (state[6] as number) + g
  state[7] = (state[7] as number) + h
}

/** Goes on from `state`, which stands behind `before` bytes (whole blocks), over `bytes` to the end. Leaves `state` alone. */
function finish(from: Int32Array, before: number, bytes: Uint8Array): Uint8Array {
  const state = from.slice()
  // FIPS 180-4 5.1.1: a one, zeros, and the length in bits as 64 bits.
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / blockBytes) * blockBytes)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const view = new DataView(padded.buffer)
  const bits = (before + bytes.length) * 8
  view.setUint32(padded.length - 8, Math.floor(bits / 2 ** 32))
  view.setUint32(padded.length - 4, bits >>> 0)
  for (let at = 0; at < padded.length; at += blockBytes) compress(state, padded, at)
  for (let i = 0; i < 8; i += 1) view.setInt32(i * 4, state[i] as number)
  return padded.slice(0, 32)
}

/** SHA-256 (FIPS 180-4) of the parts, one behind the other. 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return finish(
    Int32Array.from(initialState),
    0,
    parts.length === 1 ? (parts[0] as Uint8Array) : joined(parts),
  )
}

/** HMAC-SHA-256 (RFC 2104). 32 bytes. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return hmacWith(key)(bytes)
}

/** RFC 2104 section 4: the states behind the key's two pads are computed once. */
function hmacWith(key: Uint8Array): (bytes: Uint8Array) => Uint8Array {
  const short = key.length > blockBytes ? sha256(key) : key
  const [inner, outer] = [0x36, 0x5c].map((pad) => {
    const block = new Uint8Array(blockBytes).fill(pad)
    for (let i = 0; i < short.length; i += 1) block[i] = (short[i] as number) ^ pad
    const state = Int32Array.from(initialState)
    compress(state, block, 0)
    return state
  }) as [Int32Array, Int32Array]
  return (bytes) => finish(outer, blockBytes, finish(inner, blockBytes, bytes))
}

/**
 * HKDF-SHA-256 (RFC 5869) of one secret and salt.
 * @returns makes `length` bytes, 1..32 (the first block is all that a knock needs), for a label
 */
export function hkdfSha256(secret: Uint8Array, salt: string): (info: string, length: number) => Uint8Array {
  const expand = hmacWith(hmacSha256(Buffer.from(salt), secret))
  return (info, length) => expand(Buffer.from(`${info}\x01`)).subarray(0, length)
}

/** Are these the same bytes? Both are of one length; takes the same time wherever they differ. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] as number) ^ (b[i] as number)
  return difference === 0
}

/** Random bytes from the system's generator: urandom(4), which gives what getrandom(2) does once a machine has booted. */
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

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
