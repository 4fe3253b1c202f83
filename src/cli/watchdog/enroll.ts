import { randomBytes } from "node:crypto"
import { Fault } from "../../errors.ts"
import { askOnce, NoGuard } from "../../guard/control/client.ts"
import type { ControlCommand } from "../../guard/control/commands.ts"
import { foldersFor, preparePrivateFolder } from "../../guard/state/folders.ts"
import { hasJournal } from "../../guard/state/journal.ts"
import { armedEnrolled } from "../../guard/state/standing-secrets.ts"
import { exitCodeFor, type Outcome } from "../../report/outcome.ts"
import {
  type EnrolledSecret,
  enrolledFolder,
  enrolledNames,
  expiryBounds,
  keepEnrolled,
  removeEnrolled,
  standingSecretFile,
} from "../../secrets/enrolled.ts"
import { isSecretName, mostSecrets } from "../../secrets/secret-file.ts"
import { systemClock } from "../../system/system-clock.ts"
import { parseDuration } from "../terminal/duration.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import { agreeing } from "./agreeing.ts"

export interface EnrollTexts {
  readonly agree: string
  readonly name: string
  readonly expires?: string
}

/**
 * `fw-watchdog enroll`: the server's part of `fw-knock enroll`. Keeps a secret that it agrees on with the workstation, and gives it to the
 * session that is armed. Whatever comes of it is one object on standard output, with our public value in it.
 */
export async function enroll(texts: EnrollTexts, terminal: Terminal, host: ProgramHost): Promise<number> {
  const { name, agree, expires } = texts
  return await agreeing(agree, terminal, async (secret) => {
    if (!isSecretName(name)) throw new Fault("usage", "--name wants 1 to 32 letters, digits, or . _ @ -")
    const lastsMs = expires === undefined ? undefined : parseDuration(expires, "--expires", expiryBounds)
    wantRoot("keep a secret")
    const expiresMs = lastsMs === undefined ? undefined : systemClock.wallMs() + lastsMs
    return await tellAndKeep({ name, secret, expiresMs }, host)
  })
}

/** The session first: where it has no room, an earlier secret of that name stays as it is. */
async function tellAndKeep(secret: EnrolledSecret, host: ProgramHost): Promise<Outcome> {
  const { name, expiresMs } = secret
  const folder = enrolledFolder(standingSecretFile(host.env))
  preparePrivateFolder(folder)
  const others = enrolledNames(folder).filter((other) => other !== name)
  if (others.length >= mostSecrets)
    throw new Fault("refused", `${mostSecrets} secrets are enrolled here already`)
  const told = await tellSession({ command: "add-secret", secret: armedEnrolled(secret) }, host)
  if (told !== undefined && told.code !== "done") return told
  try {
    keepEnrolled(folder, secret, randomBytes(8).toString("hex"))
  } catch (thrown) {
    if (told !== undefined) await tellSession({ command: "revoke-secret", name }, host)
    throw thrown
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
  if (!removed && told?.code !== "done") {
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
