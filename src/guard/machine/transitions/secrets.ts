import type { Outcome } from "../../../report/outcome.ts"
import { mostSecrets } from "../../../secrets/secret-file.ts"
import { type At, effect, update } from "../at.ts"
import type { ArmedSecret } from "../configuration.ts"
import type { Effect } from "../effect.ts"
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

/** Accepts knocks under one more secret; in the place of an earlier one of the same name that was made the same way. */
export function addSecret(at: At, ask: number, secret: ArmedSecret): At {
  const others = at.record.configuration.secrets.filter(
    (other) => other.name !== secret.name || !isMadeLike(other, secret),
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

const isMadeLike = (one: ArmedSecret, other: ArmedSecret): boolean =>
  one.kind === other.kind && (one.kind === "one-time" || one.enrolled === other.enrolled)

/** Accepts no knock any more under an enrolled secret. */
export function revokeSecret(at: At, ask: number, name: string): At {
  const { secrets } = at.record.configuration
  const others = secrets.filter((one) => one.enrolled !== true || one.name !== name)
  const facts = { name }
  if (others.length === secrets.length) {
    const message = `the session here does not know ${name}`
    const unknown: Outcome = { event: "secret-unknown", code: "refused", message, facts }
    return effect(at, { type: "reply", ask, outcome: unknown })
  }
  const message = `knocks of ${name} are not accepted any more`
  const outcome: Outcome = { event: "secret-revoked", code: "done", message, facts }
  const next = withSecrets(at, others, "a secret was revoked")
  return effect(next, { type: "emit", outcome }, { type: "reply", ask, outcome })
}

/** Accepts no knock any more under secrets whose time is up. */
export function expireSecrets(at: At): At {
  const { secrets } = at.record.configuration
  const expired = secrets.filter(({ expiresMs }) => expiresMs !== undefined && at.wallMs >= expiresMs)
  if (expired.length === 0) return at
  const others = secrets.filter((one) => !expired.includes(one))
  const said = expired.map(({ name }): Effect => {
    const message = `the secret of ${name} has expired: its knocks are not accepted any more`
    return { type: "emit", outcome: { event: "secret-expired", code: "done", message, facts: { name } } }
  })
  return effect(withSecrets(at, others, "a secret has expired"), ...said)
}

function withSecrets(at: At, secrets: readonly ArmedSecret[], why: string): At {
  const configuration = { ...at.record.configuration, secrets }
  return update(at, { configuration }, { type: "use-secrets", why })
}
