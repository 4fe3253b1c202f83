import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { type HostRecord, readRecords } from "../../../../src/secrets/host-records.ts"
import { fwKnock } from "../../../support/lab/programs.ts"

/** Why no inventory can be read by Ansible itself; undefined where it can. */
export const noAnsible: string | undefined =
  spawnSync("ansible-inventory", ["--version"]).status === 0 ? undefined : "ansible is not here"

export interface Imported {
  readonly code: number | null
  readonly stderr: string
  /** The JSON object that it printed. */
  readonly object: Readonly<Record<string, unknown>>
  readonly folder: string
  readonly records: () => HostRecord[]
}

/** `fw-knock hosts import --ansible` with records in `home`. */
export function importing(home: string, inventory: string, ...pattern: readonly string[]): Imported {
  const [node = "", ...program] = fwKnock
  const args = [...program, "hosts", "import", "--json", "--ansible", inventory, ...pattern]
  const env = { PATH: process.env.PATH, HOME: home }
  const { status, stdout, stderr } = spawnSync(node, args, { env, encoding: "utf8" })
  const folder = join(home, ".config/fw-knock/hosts")
  const object = JSON.parse(stdout === "" ? "{}" : stdout) as Record<string, unknown>
  return { code: status, stderr, object, folder, records: () => readRecords(folder) }
}
