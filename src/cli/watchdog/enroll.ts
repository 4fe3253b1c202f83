import { randomBytes } from "node:crypto"
import { Fault } from "../../errors.ts"
import { askOnce, NoGuard } from "../../guard/control/client.ts"
import type { ControlCommand } from "../../guard/control/commands.ts"
import { foldersFor, preparePrivateFolder } from "../../guard/state/folders.ts"
import { hasJournal } from "../../guard/state/journal.ts"
import { armedEnrolled } from "../../guard/state/standing-secrets.ts"
import { exitCodeFor, exitCodeOf, type Outcome, outcomeOfFault } from "../../report/outcome.ts"
import { openAgreement } from "../../secrets/agreement.ts"
import {
  type EnrolledSecret,
  enrolledFolder,
  enrolledNames,
  keepEnrolled,
  removeEnrolled,
  standingSecretFile,
} from "../../secrets/enrolled.ts"
import { isSecretName, mostSecrets } from "../../secrets/secret-file.ts"
import { systemClock } from "../../system/system-clock.ts"
import { parseDuration } from "../terminal/duration.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"

export interface EnrollTexts {
  readonly agree: string
  readonly name: string
  readonly expires?: string
}

/** The bounds of --expires, on both ends. */
export const expiryBounds = { min: 1000, max: 3650 * 86_400_000 }

/**
 * `fw-watchdog enroll`: the server's part of `fw-knock enroll`. Keeps a secret that it agrees on with the workstation, and gives it to the
 * session that is armed. Whatever comes of it is one object on standard output, with our public value in it.
 */
export async function enroll(texts: EnrollTexts, terminal: Terminal, host: ProgramHost): Promise<number> {
  try {
    const { name, agree, expires } = texts
    if (!isSecretName(name)) throw new Fault("usage", "--name wants 1 to 32 letters, digits, or . _ @ -")
    const lastsMs = expires === undefined ? undefined : parseDuration(expires, "--expires", expiryBounds)
    const agreement = openAgreement("server")
    const secret = agreement.secretWith(agree)
    wantRoot("keep a secret")
    const expiresMs = lastsMs === undefined ? undefined : systemClock.wallMs() + lastsMs
    const outcome = await keepAndTell({ name, secret, expiresMs }, host)
    terminal.report({ ...outcome, facts: { ...outcome.facts, agree: agreement.publicValue } })
    return exitCodeFor(outcome.code)
  } catch (thrown) {
    terminal.report(outcomeOfFault(thrown))
    return exitCodeOf(thrown)
  }
}

async function keepAndTell(secret: EnrolledSecret, host: ProgramHost): Promise<Outcome> {
  const { name, expiresMs } = secret
  const folder = enrolledFolder(standingSecretFile(host.env))
  preparePrivateFolder(folder)
  const others = enrolledNames(folder).filter((other) => other !== name)
  if (others.length >= mostSecrets)
    throw new Fault("refused", `${mostSecrets} secrets are enrolled here already`)
  keepEnrolled(folder, secret, randomBytes(8).toString("hex"))
  const told = await tellSession({ command: "add-secret", secret: armedEnrolled(secret) }, host)
  if (told !== undefined && told.code !== "done") {
    removeEnrolled(folder, name)
    return told
  }
  const facts = { name, armed: told !== undefined, ...(expiresMs === undefined ? {} : { expiresMs }) }
  return { event: "enrolled", code: "done", message: `enrolled ${name}`, facts }
}

/**
 * `fw-watchdog revoke NAME`: an enrolled secret opens nothing here any more.
 * @throws Fault `refused` for a name that is not enrolled
 */
export async function revoke(name: string, terminal: Terminal, host: ProgramHost): Promise<number> {
  wantRoot("revoke a secret")
  const folder = enrolledFolder(standingSecretFile(host.env))
  const removed = removeEnrolled(folder, name)
  // The file may have been removed by hand, and a session know the secret still.
  const told = await tellSession({ command: "revoke-secret", name }, host)
  if (told === undefined && hasJournal(foldersFor(host.env).runtime))
    throw new Fault(
      "state-unknown",
      `${name} is enrolled no more, and a session whose guard was killed knows the secret still`,
      {
        hint: `\`fw-watchdog resume\`, then \`fw-watchdog revoke ${name}\` again`,
      },
    )
  if (!removed && !told?.message.includes("not accepted any more")) {
    const names = enrolledNames(folder)
    throw new Fault("refused", `"${name}" is not enrolled here; enrolled: ${names.join(", ") || "nobody"}`)
  }
  const message = `revoked ${name}${told === undefined ? "; no session is armed" : ": its knocks are not accepted any more"}`
  terminal.report({ event: "revoked", code: "done", message, facts: { name, armed: told !== undefined } })
  return exitCodeFor("done")
}

/** Tells the session, and returns its answer; undefined where none is armed. */
async function tellSession(
  command: Extract<ControlCommand, { command: "add-secret" | "revoke-secret" }>,
  host: ProgramHost,
): Promise<Outcome | undefined> {
  try {
    return (await askOnce(foldersFor(host.env).runtime, command)).outcome
  } catch (thrown) {
    if (thrown instanceof NoGuard && thrown.code === "refused") return undefined
    throw thrown
  }
}

function wantRoot(what: string): void {
  if (process.geteuid?.() !== 0)
    throw new Fault("permission", `cannot ${what} without root`, { hint: "sudo fw-watchdog" })
}
