import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Host } from "../../support/lab/lab.ts"

const folder = join(import.meta.dirname, "rulesets")

/** The rules of one firewall manager, as they were saved after it had run; the first line of the file says how it was set up. */
export interface SavedRules {
  readonly name: string
  readonly load: (host: Host) => void
}

/** All of `rulesets/`. Behind a line `%% COMMAND` stands the input of that command. */
export function savedRules(): SavedRules[] {
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const [, ...sections] = readFileSync(join(folder, file), "utf8").split(/^%% /m)
      return {
        name: file.replace(/\.rules$/, ""),
        load: (host) => {
          for (const section of sections) {
            const [command = "", ...lines] = section.split("\n")
            host.run(command.split(" "), { input: lines.join("\n") })
          }
        },
      }
    })
}
