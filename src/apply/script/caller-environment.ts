import { Fault } from "../../errors.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** Where the package's launcher puts the environment of its caller: NUL-ended pairs in base64, or "-" for too many. */
const handedOver = "FW_APPLY_ENVIRONMENT"

/**
 * The environment of whoever called `fw-apply`, for the script. The packaged program has one of its own, without what would steer
 * Node (scripts/packaging/launcher.sh); the caller's comes beside it.
 * @throws Fault `usage` when it was too large to be handed over: another script than the one that was meant would run
 */
export function callerEnvironment(own: Environment): Record<string, string> {
  const text = own[handedOver]
  if (text === undefined) return pairsOf(Object.entries(own))
  if (text === "-")
    throw new Fault("usage", "cannot hand the environment to the script: it is larger than 90 kB", {
      hint: 'run it with fewer variables: env -i PATH="$PATH" NAME=VALUE fw-apply FILE',
    })
  const words = Buffer.from(text, "base64").toString("utf8").split("\0")
  return pairsOf(
    words.flatMap((word): [string, string][] => {
      const at = word.indexOf("=")
      return at <= 0 ? [] : [[word.slice(0, at), word.slice(at + 1)]]
    }),
  )
}

function pairsOf(entries: readonly (readonly [string, string | undefined])[]): Record<string, string> {
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === undefined || name === handedOver ? [] : [[name, value]])),
  )
}
