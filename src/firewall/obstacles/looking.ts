import { readdirSync, readFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { loginPorts } from "../../system/network/login-ports.ts"
import { findProgram } from "../../system/process/find-program.ts"
import type { RunCommand } from "../../system/process/run-command.ts"

/** The files and programs that obstacles are looked for with, passed in for tests. */
export interface LookDeps {
  readonly run: RunCommand
  readonly findProgram: (name: string) => string | undefined
  /** Empty when it cannot be read. */
  readonly readText: (path: string) => string
  readonly listFolder: (path: string) => string[]
  /** The addresses of this machine. */
  readonly addresses: () => ReadonlySet<string>
  /** The TCP ports that people log in by. */
  readonly loginPorts: () => readonly number[]
}

/** This machine's. */
export const systemLookDeps = (run: RunCommand): LookDeps => ({
  run,
  findProgram,
  readText(path) {
    try {
      return readFileSync(path, "utf8")
    } catch {
      return ""
    }
  },
  listFolder(path) {
    try {
      return readdirSync(path)
    } catch {
      return []
    }
  },
  addresses: () =>
    new Set(
      Object.values(networkInterfaces()).flatMap((found) => found?.map(({ address }) => address) ?? []),
    ),
  loginPorts,
})
