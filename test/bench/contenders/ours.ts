import { ArmedServer, fwKnock } from "../../lab/programs.ts"
import { serverAddress } from "../stage.ts"
import type { Contender } from "./contender.ts"
import { recipeSender, recipeText } from "./old-recipe.ts"

/** Longer than any run. */
const timeout = ["--timeout", "6h"]

/** A secret. The probe at arming, which every operator is told to make, pins it: from then on a knock is one packet. */
export const ours: Contender = {
  name: "fw-watchdog",
  setup: "a standing secret, pinned by one probe after arming; sender fw-knock reset --no-check",
  missing: () => undefined,
  async arm({ lab, server, client }) {
    const armed = new ArmedServer(lab, server)
    armed.arm(...timeout)
    const { outcome } = armed.knock(client, "probe", serverAddress, "--no-check")
    if (outcome.event !== "alive") throw new Error(`the probe was not answered: ${JSON.stringify(outcome)}`)
    const knock = (verb: string): string[] => [
      ...fwKnock,
      verb,
      serverAddress,
      "--no-check",
      "--json",
      "--secret-file",
      armed.secretFile,
    ]
    return { knock: knock("reset"), probe: knock("probe") }
  },
}

/** The old recipe's sender, and no secret. */
export const oursPlain: Contender = {
  name: "fw-watchdog --plain",
  setup: "a bare text, no secret; sender ping -p, as for the old recipe",
  missing: () => undefined,
  async arm({ lab, server }) {
    const armed = new ArmedServer(lab, server)
    const { code, stderr } = armed.try("--detach", "--json", "--plain", recipeText, ...timeout)
    if (code !== 0) throw new Error(`arming: exit ${code}: ${stderr}`)
    return { knock: recipeSender }
  },
}
