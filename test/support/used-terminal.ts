import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

/** A terminal that nobody has used yet. */
export interface UsedTerminal {
  /** As `pts/0 (root)`. */
  readonly name: string
  readonly process: ChildProcess
  /** Types a line. */
  type(line: string): void
}

/** Opens one; it goes with its process. */
export async function openTerminal(): Promise<UsedTerminal> {
  const program = fileURLToPath(new URL("./used-terminal.py", import.meta.url))
  const held = spawn("/usr/bin/python3", [program], { stdio: ["pipe", "pipe", "inherit"] })
  const [path] = (await once(held.stdout, "data")) as [Buffer]
  return {
    name: `${String(path).trim().replace("/dev/", "")} (root)`,
    process: held,
    type: (line) => held.stdin.write(`${line}\n`),
  }
}
