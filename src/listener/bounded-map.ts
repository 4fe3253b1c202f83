/**
 * Remembers the newest keys in two generations of a fixed size, so that lookups are constant work and memory is bounded
 * whatever arrives: when the young generation is full it becomes the old one, and what was old is forgotten.
 */
export class BoundedMap<Value> {
  readonly #capacity: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  /** @param capacity keys in one generation; between one and two times as many are remembered. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(key: string): Value | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#capacity && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}
