/** A small, seeded generator (mulberry32), so that a finding can be made again from its seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

const telling = [0, 1, 0x7f, 0x80, 0xfe, 0xff]

/**
 * One to six changes to a seed: bits, telling bytes, 16-bit lengths, cuts, insertions, and pieces of another seed.
 * @param next gives 32 random bits
 */
export function mutate(seed: Uint8Array, other: Uint8Array, next: () => number): Uint8Array {
  let bytes = Array.from(seed)
  for (let change = 1 + (next() % 6); change > 0; change -= 1) {
    const at = bytes.length === 0 ? 0 : next() % bytes.length
    switch (next() % 7) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (next() & 7))
        break
      case 1:
        bytes[at] = telling[next() % telling.length] ?? 0
        break
      case 2:
        bytes[at] = next() & 0xff
        break
      case 3:
        bytes = bytes.slice(0, at)
        break
      case 4:
        bytes.splice(at, 0, ...Array.from({ length: 1 + (next() % 40) }, () => next() & 0xff))
        break
      case 5:
        bytes.splice(at, 1 + (next() % 16))
        break
      default: {
        const from = other.length === 0 ? 0 : next() % other.length
        bytes.splice(at, next() % 32, ...other.slice(from, from + 1 + (next() % 64)))
      }
    }
  }
  return Uint8Array.from(bytes.slice(0, 2048))
}
