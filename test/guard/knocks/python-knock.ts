import { spawn } from "node:child_process"
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Host } from "../../support/lab/lab.ts"
import type { Printed } from "../../support/lab/programs.ts"

const programs = fileURLToPath(new URL("../../support/python-client", import.meta.url))

/** What the other client printed. */
export interface PythonKnocked {
  readonly code: number
  readonly said: Printed
}

/** The client in Python, beside the test; `user` is somebody without privileges. */
export async function pythonKnock(
  from: Host,
  secretFile: string,
  args: readonly string[],
  user?: { readonly uid: number },
): Promise<PythonKnocked> {
  // The checkout may lie where nobody else looks.
  const folder = user === undefined ? programs : mkdtempSync("/tmp/fw-public-")
  if (user !== undefined) {
    cpSync(programs, folder, { recursive: true })
    chmodSync(folder, 0o755)
  }
  const as =
    user === undefined ? [] : ["setpriv", `--reuid=${user.uid}`, "--clear-groups", "--inh-caps=-all", "--"]
  const [command, ...rest] = [
    ...from.enter(),
    ...as,
    ...["/usr/bin/python3", join(folder, "fw_knock.py"), ...args, "--secret-file", secretFile],
  ]
  const child = spawn(command as string, rest, { stdio: ["ignore", "pipe", "pipe"] })
  let printed = ""
  let complained = ""
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString()
  })
  child.stderr.on("data", (chunk: Buffer) => {
    complained += chunk.toString()
  })
  const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? -1)))
  if (folder !== programs) rmSync(folder, { recursive: true })
  if (printed === "") throw new Error(`fw_knock.py: exit ${code}: ${complained}`)
  return { code, said: JSON.parse(printed) as Printed }
}
