import { exitCodeFor, exitCodeOf, type Outcome, outcomeOfFault } from "../../report/outcome.ts"
import { openAgreement } from "../../secrets/agreement.ts"
import type { Terminal } from "../terminal/terminal.ts"

/**
 * The server's end of a command of fw-knock that agrees on a secret. Whatever comes of it is one object on standard output, with our
 * public value in it.
 * @param publicValue the workstation's
 * @param run does with the secret what was asked for
 * @returns the exit code
 */
export async function agreeing(
  publicValue: string,
  terminal: Terminal,
  run: (secret: Uint8Array) => Promise<Outcome>,
): Promise<number> {
  try {
    const agreement = openAgreement("server")
    const outcome = await run(agreement.secretWith(publicValue))
    terminal.report({ ...outcome, facts: { ...outcome.facts, agree: agreement.publicValue } })
    return exitCodeFor(outcome.code)
  } catch (thrown) {
    terminal.report(outcomeOfFault(thrown))
    return exitCodeOf(thrown)
  }
}
