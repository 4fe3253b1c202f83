import { join } from "node:path"
import { Fault } from "../../errors.ts"
import { writeDurably } from "../../system/files/durable-file.ts"
import { readPrivateFile } from "./private-file.ts"

/** The chains, tables and sets that changes by fw-apply have made: one file in the state folder, which survives a reboot. */
const fileName = "made.json"

/**
 * Reads what earlier changes have made; empty where nobody knows, so that nothing is taken for ours that may not be.
 * @param stateFolder of the network namespace
 */
export function readMade(stateFolder: string): ReadonlySet<string> {
  try {
    const distrusted = (why: string): Fault => new Fault("configuration", `cannot trust ${fileName}: ${why}`)
    const value: unknown = JSON.parse(readPrivateFile(join(stateFolder, fileName), distrusted) ?? "[]")
    const isList = Array.isArray(value) && value.every((one) => typeof one === "string")
    return new Set(isList ? (value as string[]) : [])
  } catch {
    return new Set()
  }
}

/** Writes it anew. @throws Fault when the disk is full or read-only */
export function writeMade(stateFolder: string, made: readonly string[]): void {
  writeDurably(join(stateFolder, fileName), `${JSON.stringify(made)}\n`)
}
