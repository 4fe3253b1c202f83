import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Host } from "../../support/lab/lab.ts"
import type { Printed } from "../../support/lab/programs.ts"

const program = fileURLToPath(new URL("../../support/python-client/fw_knock.py", import.meta.url))

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
  const as =
    user === undefined ? [] : ["setpriv", `--reuid=${user.uid}`, "--clear-groups", "--inh-caps=-all", "--"]
  const [command, ...rest] = [
    ...from.enter(),
    ...as,
    ...["/usr/bin/python3", program, ...args, "--secret-file", secretFile],
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
  if (printed === "") throw new Error(`fw_knock.py: exit ${code}: ${complained}`)
  return { code, said: JSON.parse(printed) as Printed }
}
