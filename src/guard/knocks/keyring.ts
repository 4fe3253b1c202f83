import type { KnownSecret } from "../../knock/decide.ts"
import { deriveKeys } from "../../knock/keys.ts"
import { createVerifier, type Verify } from "../../knock/verify.ts"
import type { ToListener } from "../../pipe/messages.ts"
import type { ArmedSecret } from "../machine/configuration.ts"

/** One secret as the session uses it. */
export interface GuardSecret extends KnownSecret {
  readonly host: string
  readonly name: string
}

/** The secrets that a session accepts knocks under, and what is made of them. */
export class Keyring {
  /** Verifies 128 bytes against all of them. */
  readonly verify: Verify<GuardSecret>
  readonly #derived: readonly GuardSecret[]

  constructor(armed: readonly ArmedSecret[]) {
    this.#derived = armed.map(({ secret, kind, host, name }) => ({
      keys: deriveKeys(new Uint8Array(Buffer.from(secret, "hex"))),
      kind,
      host,
      name,
    }))
    this.verify = createVerifier(this.#derived)
  }

  /** The lines that a listener gets for each secret: its tag and the key of its screen. */
  screenKeys(): ToListener[] {
    return this.#derived.map(({ keys }) => ({
      type: "key",
      id: keys.id,
      tag: Buffer.from(keys.requestTag).toString("hex"),
      screenKey: Buffer.from(keys.screenKey).toString("hex"),
    }))
  }
}
