import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { benchFolder } from "../paths.ts"
import { pause } from "../pause.ts"
import { serverAddress } from "../stage.ts"
import type { Contender } from "./contender.ts"

/** What it waits for; up to 16 bytes, so that ping -p can send it. */
export const recipeText = "reset-iptables"

/** One packet, as its users send it. */
export const recipeSender = [
  "ping",
  "-c",
  "1",
  "-W",
  "1",
  "-p",
  Buffer.from(recipeText).toString("hex"),
  serverAddress,
]

/** ngrep, a pipe, and four iptables commands. */
export const oldRecipe: Contender = {
  name: "old recipe",
  setup: "ngrep -l | while read; four iptables commands (old-recipe.sh); sender ping -p",
  missing: () => (spawnSync("which", ["ngrep"]).status === 0 ? undefined : "ngrep is not installed"),
  async arm({ lab, server, iptables }) {
    // The recipe says `iptables`; on a machine of either kind that is this one.
    const folder = join(lab.folder, "bin")
    mkdirSync(folder)
    const path = execFileSync("which", [iptables], { encoding: "utf8" }).trim()
    symlinkSync(path, join(folder, "iptables"))
    server.start([join(benchFolder, "contenders/old-recipe.sh"), recipeText], {
      env: { PATH: `${folder}:${process.env.PATH}` },
    })
    await pause(1500) // ngrep's three banner lines make it reset three times to begin with
    return { knock: recipeSender }
  },
}
