import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { seeded } from "../fuzz/mutate.ts"
import { weigh } from "../support/processes.ts"
import { fewestSamples, grown, mostGrownDescriptors, mostGrownKb, type Sample } from "./growth.ts"
import { Stage } from "./stage.ts"
import { pause, pickStep, type Random } from "./steps.ts"

/*
 * An hour, or as long as it is told, in the life of a session. See scripts/soak.
 */

const minutes = Number(process.argv[2] ?? 60)
const seed = Number(process.argv[3] ?? 1)
/** After so many complaints there is nothing new to learn. */
const mostComplaints = 20
/** The last twenty, and that of arming. */
const mostSnapshots = 21
/** Between two steps, in milliseconds, at most. */
const longestPauseMs = 1500

const say = (line: string): boolean => process.stdout.write(`soak: ${line}\n`)
const megabytes = (kb: number): string => (kb / 1024).toFixed(1)

function minuteLine(stage: Stage, minute: number, sample: Sample): string {
  const { sent, answered, slowestMs } = stage
  const { listenerStarts, opens } = stage.armed.status()
  return [
    `minute ${minute}: ${sent} knocks sent, ${answered} answered, slowest ${Math.round(slowestMs)} ms`,
    `${megabytes(sample.pssKb)} MB proportional; guard and loaders: ${megabytes(sample.lastingKb)} MB`,
    `${sample.descriptors} descriptors; ${opens} opens, ${listenerStarts} listeners`,
  ].join("; ")
}

async function run(stage: Stage, random: Random): Promise<Sample[]> {
  const samples: Sample[] = []
  const counts = new Map<string, number>()
  const begunMs = performance.now()
  while (samples.length < minutes && stage.complaints.length < mostComplaints) {
    const step = pickStep(random)
    stage.step = step.name
    counts.set(step.name, (counts.get(step.name) ?? 0) + 1)
    try {
      await step.run(stage, random)
    } catch (thrown) {
      stage.complain(thrown instanceof Error ? thrown.message : String(thrown))
    }
    await pause(random(longestPauseMs))
    if (performance.now() - begunMs < (samples.length + 1) * 60_000) continue
    const sample = stage.sample()
    samples.push(sample)
    say(minuteLine(stage, samples.length, sample))
  }
  say([...counts].map(([name, count]) => `${name} ${count}`).join(", "))
  return samples
}

/** Ends the long session and looks for what is left of it. */
async function finish(stage: Stage): Promise<void> {
  stage.step = "the end"
  const snapshots = join(stage.lab.folder, "server", "state")
  const processes = stage.processes().map((pid) => `${pid} ${weigh(pid)?.name}`)
  stage.armed.disarm()
  await pause(3000)
  const left = processes.filter((process) => existsSync(`/proc/${Number.parseInt(process, 10)}`))
  if (left.length > 0) stage.complain(`processes left: ${left.join(", ")}`)
  const files = readdirSync(stage.armed.runtimeFolder()).filter((name) => /journal|\.sock$/.test(name))
  if (files.length > 0) stage.complain(`files left: ${files.join(" ")}`)
  for (const folder of readdirSync(snapshots)) {
    const kept = join(snapshots, folder, "snapshots")
    const count = existsSync(kept) ? readdirSync(kept).length : 0
    if (count > mostSnapshots) stage.complain(`${count} snapshots are kept, not ${mostSnapshots}`)
  }
}

async function soak(): Promise<number> {
  const next = seeded(seed)
  const random: Random = (below) => next() % below
  say(`seed ${seed}, ${minutes} minutes`)
  say(
    `a leak is more than ${mostGrownKb} kB or ${mostGrownDescriptors} descriptors in guard and loaders, after warm-up`,
  )
  const stage = new Stage()
  try {
    await stage.begin()
    stage.armed.arm("--timeout", "7d")
    const samples = await run(stage, random)
    if (samples.length < fewestSamples) say(`too short to tell growth: ${fewestSamples} minutes are needed`)
    for (const line of grown(samples)) stage.complain(line)
    await finish(stage)
  } finally {
    await stage.lab.close()
  }
  const { complaints, sent, answered } = stage
  say(`seed ${seed}: ${sent} knocks sent, ${answered} answered, ${complaints.length} complaints`)
  return complaints.length === 0 && answered === sent ? 0 : 1
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))
process.exitCode = await soak()
