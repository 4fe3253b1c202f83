import { spawnSync } from "node:child_process"
import { symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Lab } from "../lab/lab.ts"

const root = join(import.meta.dirname, "../../..")

/**
 * Compiles src into the lab's folder, for tests that kill a process and so need one of their own; Node 20 does not run
 * TypeScript.
 * @returns the folder that holds firewall/snapshot/undo.js and so on
 */
export function compiledSource(lab: Lab): string {
  const folder = join(lab.folder, "dist")
  const tsc = join(root, "node_modules/.bin/tsc")
  const built = spawnSync(tsc, ["--project", join(root, "tsconfig.build.json"), "--outDir", folder], {
    encoding: "utf8",
  })
  // Types are checked elsewhere; here only the output counts.
  if (built.error) throw built.error
  writeFileSync(join(lab.folder, "package.json"), '{ "type": "module" }\n')
  symlinkSync(join(root, "node_modules"), join(lab.folder, "node_modules"))
  return folder
}
