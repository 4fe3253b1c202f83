import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Fault } from "../../../errors.ts"
import { survey } from "../../../ssh/survey.ts"
import { packageVersion } from "../../../system/installed-files.ts"
import type { Terminal } from "../../terminal/terminal.ts"
import type { Server } from "./server.ts"

/** Where the package of this version may lie: here, at the top of a clone, where apt keeps what it has fetched. */
const folders = [".", fileURLToPath(new URL("../../../..", import.meta.url)), "/var/cache/apt/archives"]

/**
 * Installs the Debian package of this very version on a server, unless it is there.
 * @throws Fault `missing` when there is no such package here, or no apt there; `refused` when it could not be installed
 */
export async function install(server: Server, terminal: Terminal): Promise<void> {
  const { architecture, installed } = server.survey
  const { name } = server.destination
  const version = packageVersion()
  if (installed?.version === version) return
  if (architecture === "")
    throw new Fault("missing", `${name} is no Debian: there is no package for it`, {
      hint: "nothing was done there",
    })
  const file = `fw-watchdog_${version}_${architecture}.deb`
  const content = packageHere(file)
  terminal.progress(`copying ${file} to ${name}`)
  const folder = await server.copy(file, content)
  terminal.progress(`installing ${file} on ${name}`)
  const apt = [
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "install",
    "-y",
    "-q",
    "--no-install-recommends",
  ]
  const { code } = await server.runAsRoot([...apt, `${folder}/${file}`])
  await server.master.run({ command: `exec rm -rf ${folder}` })
  const now = await survey(server.master)
  if (code !== 0 || now?.installed?.version !== version)
    throw new Fault(
      "refused",
      `${file} could not be installed on ${name}: apt-get ended with exit code ${code}`,
      {
        hint: "nothing was armed",
      },
    )
  server.survey = now
  terminal.say(`${name}: fw-watchdog ${version} is installed`)
}

function packageHere(file: string): Uint8Array {
  for (const folder of folders) {
    try {
      return readFileSync(`${folder}/${file}`)
    } catch {
      // Not there.
    }
  }
  throw new Fault("missing", `${file} is not here`, {
    hint: "nothing was done there; run this in the folder where it lies: scripts/package in a clone makes it",
  })
}
