import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { deriveKeys } from "../../../src/knock/keys.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"
import { armWithClock } from "../../support/other-clock.ts"
import { within } from "../deadline.ts"
import { packagedKnock, packagedWatchdog } from "../paths.ts"
import { type Stage, serverAddress } from "../stage.ts"
import type { Armed, Contender } from "./contender.ts"
import { pingText, recipeText } from "./old-recipe.ts"

/** Longer than any run. */
const timeout = ["--timeout", "6h"]
const armingMs = 300_000

/** A secret. The probe at arming, which every operator is told to make, pins it: from then on a knock is one packet. */
export const ours: Contender = {
  name: "fw-watchdog",
  setup:
    "a standing secret, pinned by one probe after arming; sender fw-knock reset --no-check; both as packaged",
  missing: () => undefined,
  arm: (stage) => armed(stage, "icmp"),
}

export const oursOverTcp: Contender = {
  name: "fw-watchdog, over tcp/22",
  setup: "the same, --road tcp/22 on both sides; nobody listens at that port",
  missing: () => undefined,
  arm: (stage) => armed(stage, "tcp/22"),
}

async function armed(stage: Stage, road: "icmp" | "tcp/22"): Promise<Armed> {
  const armed = new ArmedServer(stage.lab, stage.server, [packagedWatchdog])
  const overTcp = road === "icmp" ? [] : ["--road", road]
  await begin(stage, armed, overTcp)
  const { outcome } = armed.knock(stage.client, "probe", serverAddress, "--no-check", ...overTcp)
  if (outcome.event !== "alive") throw new Error(`the probe was not answered: ${JSON.stringify(outcome)}`)
  const knock = (verb: string, to: string): string[] => [
    packagedKnock,
    ...[verb, to, "--no-check", "--json", "--secret-file", armed.secretFile, ...overTcp],
  ]
  const keys = deriveKeys(armed.secret)
  return {
    knock: (to) => knock("reset", to),
    probe: knock("probe", serverAddress),
    logLines: () => armed.events().length,
    // Its tag can be seen on the wire; its MACs cannot be made.
    forge: () => ({ data: Buffer.concat([keys.requestTag, randomBytes(120)]) }),
  }
}

async function begin(stage: Stage, armed: ArmedServer, overTcp: readonly string[]): Promise<void> {
  if (stage.clock !== undefined) return await armWithClock(armed, stage.clock)
  if (!stage.onTerminal) return await detached(stage, armed, ["--secret-file", armed.secretFile, ...overTcp])
  // As on a terminal: the command stays, and watches the session.
  stage.launch(armed.command("--secret-file", armed.secretFile, ...overTcp, ...timeout), armed.environment)
  await eventually("the session", () => armed.try("status", "--json").code === 0, 20_000)
}

/** With very many rules, arming takes what trying out their way back takes: more than the lab waits for a command. */
async function detached(stage: Stage, armed: ArmedServer, options: readonly string[]): Promise<void> {
  const command = armed.command("--detach", "--json", ...options, ...timeout)
  const arming = stage.server.start(command, { env: armed.environment })
  let printed = ""
  for (const stream of [arming.stdout, arming.stderr])
    stream?.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
    })
  const [code] = (await within(armingMs, "arming", once(arming, "close"))) as [number | null]
  if (code !== 0) throw new Error(`arming: exit ${code}: ${printed}`)
}

/** The old recipe's sender, and no secret. */
export const oursPlain: Contender = {
  name: "fw-watchdog --plain",
  setup: "a bare text, no secret; sender ping -p, as for the old recipe",
  missing: () => undefined,
  async arm(stage) {
    const armed = new ArmedServer(stage.lab, stage.server, [packagedWatchdog])
    await detached(stage, armed, ["--plain", recipeText])
    return { knock: pingText, logLines: () => armed.events().length }
  },
}
