import type { Fault } from "../../../errors.ts"

/** Ctrl-C, told by how far the work is. */
export class Interrupt {
  readonly #pressed: Promise<void>
  readonly #take: () => void

  constructor() {
    let press: () => void = () => {}
    this.#pressed = new Promise((resolve) => {
      press = resolve
    })
    this.#take = press
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, this.#take)
  }

  /** The work's own end, unless Ctrl-C comes first. @throws the fault, which says what state the other machine is in */
  async during<T>(work: Promise<T>, fault: () => Fault): Promise<T> {
    const pressed = this.#pressed.then((): never => {
      throw fault()
    })
    pressed.catch(() => {})
    work.catch(() => {})
    return await Promise.race([pressed, work])
  }

  stop(): void {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.removeListener(signal, this.#take)
  }
}
