import { describe, expect, it } from "vitest"
import { plainestSession } from "../../../../src/guard/machine/configuration.ts"
import { newSession } from "../../../../src/guard/machine/record.ts"
import { step } from "../../../../src/guard/machine/step.ts"

const alice = {
  host: "",
  name: "alice",
  kind: "standing",
  enrolled: true,
  secret: "0a".repeat(16),
  expiresMs: 5000,
} as const
const file = { host: "web1", name: "alice", kind: "standing", secret: "0b".repeat(16) } as const
const session = newSession({ ...plainestSession, timeoutMs: 60_000, secrets: [file, alice] }, undefined, {
  bootMs: 0,
  wallMs: 0,
})
const namesAfter = (event: Parameters<typeof step>[1], wallMs: number): string[] =>
  step(session, event, 100, wallMs).record.configuration.secrets.map(({ secret }) => secret.slice(0, 2))

describe("an enrolled secret", () => {
  it("is accepted until the wall clock reaches its expiry, and that is said", () => {
    expect(namesAfter({ type: "moment" }, 4999)).toEqual(["0b", "0a"])
    expect(namesAfter({ type: "moment" }, 5000)).toEqual(["0b"])
    expect(step(session, { type: "moment" }, 100, 5000).effects).toContainEqual(
      expect.objectContaining({
        type: "emit",
        outcome: expect.objectContaining({ event: "secret-expired" }),
      }),
    )
  })

  it("is revoked alone, not the line of a file that has the same name", () => {
    expect(namesAfter({ type: "command", ask: 1, command: "revoke-secret", name: "alice" }, 1)).toEqual([
      "0b",
    ])
    expect(namesAfter({ type: "command", ask: 1, command: "revoke-secret", name: "bob" }, 1)).toHaveLength(2)
  })

  it("takes the place of an earlier one of its name alone", () => {
    const secret = { ...alice, secret: "0c".repeat(16) }
    expect(namesAfter({ type: "command", ask: 1, command: "add-secret", secret }, 1)).toEqual(["0b", "0c"])
  })
})
