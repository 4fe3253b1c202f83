import { lockouts, serverAddress } from "../support/lab/lockouts.ts"
import { eventually } from "../support/lab/programs.ts"
import { shortSession } from "./short-session.ts"
import { addresses, kill, type Stage } from "./stage.ts"

/** A whole number from 0 to `below` - 1. */
export type Random = (below: number) => number

/** One thing that happens to a session, and what has to hold afterwards. */
export interface Step {
  readonly name: string
  /** How often, in proportion to the others. */
  readonly weight: number
  readonly run: (stage: Stage, random: Random) => void | Promise<void>
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
export const pick = <T>(from: readonly T[], random: Random): T => from[random(from.length)] as T

/** By both roads, ICMP first, or by the second one alone. */
const roads = [[], [], ["--road", "tcp/22"]] as const

const probe = (stage: Stage, random: Random): void =>
  stage.probe(pick(addresses, random), stage.armed, ...pick(roads, random))

async function lockAndOpen(stage: Stage, random: Random): Promise<void> {
  const { name, families, apply } = pick(lockouts, random)
  const address = serverAddress(pick(families, random))
  const road = pick(roads, random)
  apply(stage.server)
  await stage.expectOpen(address, false, name)
  await stage.reset(address, stage.armed, ...road)
  await stage.expectOpen(address, true, `${name} and a reset`)
  if (random(3) > 0) return
  const undone = stage.armed.try("undo", "--json")
  if (undone.code !== 0)
    stage.complain(`undo of ${name}: exit ${undone.code}: ${undone.stderr}${undone.stdout}`)
  await stage.expectOpen(address, false, `${name} and an undo`)
  await stage.reset(address, stage.armed, ...road)
  await stage.expectOpen(address, true, `${name} and a second reset`)
}

/** Down and up on either side, and a knock as soon as it is up. */
async function flap(stage: Stage, random: Random): Promise<void> {
  const device = pick(["eth0", "eth1"], random)
  const host = pick([stage.server, stage.client], random)
  host.run(["ip", "link", "set", device, "down"])
  await pause(random(1500))
  host.run(["ip", "link", "set", device, "up"])
  stage.probe(device === "eth0" ? pick(["192.0.2.1", "2001:db8::1"], random) : "198.51.100.1")
}

async function recreate(stage: Stage, random: Random): Promise<void> {
  stage.server.run(["ip", "link", "delete", "eth1"])
  await pause(random(1500))
  stage.joinSecondLink()
  stage.probe("198.51.100.1")
}

function rename(stage: Stage): void {
  const to = (before: string, after: string): string =>
    stage.server.sh(
      `ip link set ${before} down; ip link set ${before} name ${after}; ip link set ${after} up`,
    )
  to("eth1", "other1")
  stage.probe("198.51.100.1")
  to("other1", "eth1")
  stage.probe("198.51.100.1")
}

function changeAddress(stage: Stage, random: Random): void {
  const address = `192.0.2.${10 + random(200)}`
  stage.server.run(["ip", "address", "add", `${address}/24`, "dev", "eth0"])
  stage.probe(address)
  stage.server.run(["ip", "address", "delete", `${address}/24`, "dev", "eth0"])
}

async function killListener(stage: Stage, random: Random): Promise<void> {
  kill(stage.armed.status().listenerPid as number)
  await pause(100)
  probe(stage, random)
}

async function killLoaders(stage: Stage, random: Random): Promise<void> {
  for (const pid of stage.loaders()) kill(pid)
  if (random(2) === 0) kill(stage.armed.status().listenerPid as number)
  await pause(random(200))
  await lockAndOpen(stage, random)
}

/** Its answer has to wait until the guard has noticed, so this is not done often. */
function hangListener(stage: Stage, random: Random): void {
  kill(stage.armed.status().listenerPid as number, "SIGSTOP")
  probe(stage, random)
}

function reload(stage: Stage, random: Random): void {
  kill(stage.armed.status().guardPid as number, "SIGHUP")
  probe(stage, random)
}

/** Another program's rules: gone without anybody's doing, as a configuration manager does it. */
function cleanRules(stage: Stage, random: Random): void {
  stage.server.run(["nft", "flush", "ruleset"])
  probe(stage, random)
}

/** A change of rules, confirmed by a knock or left to go back by itself. */
async function change(stage: Stage, random: Random): Promise<void> {
  const rule = `INPUT -p tcp --dport ${2000 + random(1000)} -j ACCEPT`
  const isConfirmed = random(2) === 0
  stage.change(`iptables-nft -A ${rule}\n`, isConfirmed ? "60s" : "5s")
  if (isConfirmed) stage.knock("confirm", "192.0.2.1", stage.armed)
  await eventually("the end of a change", () => stage.armed.status().change === undefined, 60_000)
  const stays = stage.server.try(["sh", "-c", `iptables-nft -C ${rule}`]).code === 0
  if (stays !== isConfirmed)
    stage.complain(
      `a change ${isConfirmed ? "that was confirmed is gone" : "that nobody confirmed is still there"}`,
    )
}

export const steps: readonly Step[] = [
  { name: "probe", weight: 20, run: probe },
  { name: "lock and open", weight: 25, run: lockAndOpen },
  { name: "flap", weight: 12, run: flap },
  { name: "re-create a link", weight: 4, run: recreate },
  { name: "rename a link", weight: 3, run: rename },
  { name: "change addresses", weight: 5, run: changeAddress },
  { name: "kill the listener", weight: 8, run: killListener },
  { name: "kill the loaders", weight: 6, run: killLoaders },
  { name: "hang the listener", weight: 1, run: hangListener },
  { name: "reload", weight: 3, run: reload },
  { name: "flush the rules", weight: 3, run: cleanRules },
  { name: "a change", weight: 6, run: change },
  { name: "a short session", weight: 6, run: shortSession },
]

/** One of the steps, by weight. */
export function pickStep(random: Random): Step {
  let at = random(steps.reduce((sum, { weight }) => sum + weight, 0))
  for (const step of steps) {
    at -= step.weight
    if (at < 0) return step
  }
  return steps[0] as Step
}
