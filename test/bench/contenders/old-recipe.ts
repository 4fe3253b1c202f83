import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { benchFolder } from "../paths.ts"
import { pause } from "../pause.ts"
import type { Stage } from "../stage.ts"
import type { Armed, Contender } from "./contender.ts"
import { notInstalled, pathOf } from "./installed.ts"

/** What it waits for; up to 16 bytes, so that ping -p can send it. */
export const recipeText = "reset-iptables"

/** One packet, as most of its users send it. */
export const pingText = (to: string): string[] => [
  "ping",
  ...["-c", "1", "-W", "1", "-p", Buffer.from(recipeText).toString("hex")],
  to,
]

/** One packet, as the recipe is written. */
export const scapyText = (to: string): string[] => [
  "/usr/bin/python3",
  "-c",
  `from scapy.all import IP, ICMP, send; send(IP(dst="${to}")/ICMP()/"${recipeText}", verbose=0)`,
]

async function arm(stage: Stage, knock: Armed["knock"]): Promise<Armed> {
  const { lab, iptables } = stage
  // The recipe says `iptables`; on a machine of either kind that is this one.
  const folder = join(lab.folder, "bin")
  mkdirSync(folder)
  symlinkSync(pathOf(iptables) ?? "", join(folder, "iptables"))
  stage.launch([join(benchFolder, "contenders/old-recipe.sh"), recipeText], {
    PATH: `${folder}:${process.env.PATH}`,
  })
  await pause(1500) // ngrep's three banner lines make it reset three times to begin with
  return { knock, logLines: () => 0 }
}

/** ngrep, a pipe, and four iptables commands. */
export const oldRecipe: Contender = {
  name: "old recipe, ping",
  setup: "ngrep -l | while read; four iptables commands (old-recipe.sh); sender ping -p",
  missing: () => notInstalled("ngrep"),
  arm: (stage) => arm(stage, pingText),
}

/** The same, sent as it is written down. */
export const oldRecipeScapy: Contender = {
  name: "old recipe, scapy",
  setup: "the same; sender a line of scapy",
  missing: () => notInstalled("ngrep", "scapy"),
  arm: (stage) => arm(stage, scapyText),
}
