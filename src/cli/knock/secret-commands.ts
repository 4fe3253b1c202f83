import { randomBytes } from "node:crypto"
import { exitCodeFor } from "../../report/outcome.ts"
import { canonicalHost } from "../../secrets/host-name.ts"
import { forgetSecret, rememberSecret } from "../../secrets/remembered.ts"
import { generateSecret } from "../../secrets/secret.ts"
import { formatSecretLine } from "../../secrets/secret-file.ts"
import type { ProgramHost, Terminal } from "../terminal/terminal.ts"
import { folderOf, newSecretFor } from "./secrets.ts"

/** `fw-knock secret HOST`: a new line on standard output, and nothing kept. */
export async function secret(target: string, terminal: Terminal, host: ProgramHost): Promise<number> {
  const fresh = generateSecret(new Uint8Array(randomBytes(16)))
  terminal.result(formatSecretLine({ host: canonicalHost(target), name: undefined, secret: fresh }))
  if (host.stderr.isTTY === true) {
    terminal.say(`put this line into a file of mode 0600 on ${target}, for fw-watchdog --secret-file FILE,`)
    terminal.say(`and here: fw-knock remember ${target}`)
  }
  return exitCodeFor("done")
}

/** `fw-knock remember HOST`. */
export async function remember(target: string, terminal: Terminal, host: ProgramHost): Promise<number> {
  const wanted = canonicalHost(target)
  const entry = await newSecretFor(target, host)
  if (entry.host !== undefined && entry.host !== wanted)
    terminal.warn(`the line names ${entry.host}, and is remembered for ${wanted}`)
  const { path, sharedWith } = rememberSecret(
    await folderOf(host),
    target,
    entry,
    randomBytes(8).toString("hex"),
  )
  if (sharedWith.length > 0)
    terminal.warn(
      `${[...sharedWith, wanted].join(" and ")} share one secret: a knock for the one can be sent to the other`,
      "give every host its own: fw-knock secret HOST",
    )
  terminal.report({
    event: "remembered",
    code: "done",
    message: `${wanted}: remembered in ${path}`,
    hint: `try it now, it changes nothing: fw-knock probe ${target}`,
    facts: { host: wanted, path, sharedWith },
  })
  return exitCodeFor("done")
}

/** `fw-knock forget HOST`: 1 when nothing was remembered. */
export async function forget(target: string, terminal: Terminal, host: ProgramHost): Promise<number> {
  const wanted = canonicalHost(target)
  const folder = await folderOf(host)
  const code = forgetSecret(folder, target) ? "done" : "refused"
  terminal.report({
    event: code === "done" ? "forgotten" : "not-remembered",
    code,
    message: `${wanted}: ${code === "done" ? "forgotten" : `no secret was remembered in ${folder}`}`,
    facts: { host: wanted },
  })
  return exitCodeFor(code)
}
