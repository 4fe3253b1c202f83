import type { Outcome } from "../../../report/outcome.ts"
import { mostSecrets } from "../../../secrets/secret-file.ts"
import { type At, effect, update } from "../at.ts"
import type { ArmedSecret } from "../configuration.ts"
import { secondsLeft } from "../record.ts"

const tooMany: Outcome = {
  event: "secret-refused",
  code: "refused",
  message: `the session here has ${mostSecrets} secrets already`,
}

/** Takes the standing secrets that were read again. Those that were made for this session stay. */
export function secretsRead(at: At, standing: readonly ArmedSecret[]): At {
  const oneTime = at.record.configuration.secrets.filter(({ kind }) => kind === "one-time")
  return withSecrets(at, [...oneTime, ...standing], "the secrets were read again")
}

/** Accepts knocks under one more secret; in the place of an earlier one-time secret of the same name. */
export function addSecret(at: At, ask: number, secret: ArmedSecret): At {
  const others = at.record.configuration.secrets.filter(
    ({ kind, name }) => kind !== "one-time" || name !== secret.name,
  )
  if (others.length >= mostSecrets) return effect(at, { type: "reply", ask, outcome: tooMany })
  const next = withSecrets(at, [...others, secret], "a secret was added")
  const outcome: Outcome = {
    event: "secret-added",
    code: "done",
    message: `knocks of ${secret.name} are accepted too`,
    facts: { name: secret.name, secondsLeft: secondsLeft(next.record, at.nowMs) },
  }
  return effect(next, { type: "emit", outcome }, { type: "reply", ask, outcome })
}

function withSecrets(at: At, secrets: readonly ArmedSecret[], why: string): At {
  const configuration = { ...at.record.configuration, secrets }
  return update(at, { configuration }, { type: "use-secrets", why })
}
