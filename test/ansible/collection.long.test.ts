import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { formatSecret } from "../../src/secrets/secret.ts"
import { AnsibleStage, ansibleUnavailable, type Played, playbook, rules } from "./stage.ts"

if (ansibleUnavailable)
  process.stderr.write(`skipped: more of the Ansible collection: ${ansibleUnavailable}\n`)

const newSecret = (): string => formatSecret(new Uint8Array(randomBytes(16)))

/** How a task has ended on each host, in their order. */
const ends = (played: Played, task: string): string[] =>
  played.results
    .filter((one) => one.task === task)
    .map(({ host, how }) => `${host} ${how}`)
    .sort()

describe.skipIf(ansibleUnavailable)("the collection on three hosts", () => {
  const stage = new AnsibleStage()
  beforeAll(() => stage.start(), 120_000)
  afterAll(() => stage.lab.close())

  it("arms, keeps, extends and disarms sessions, and prints no secret", async () => {
    const secret = newSecret()
    const played = await stage.play(playbook("sessions.yml"), "-v", "-e", JSON.stringify({ secret }))
    const tasks = ["tried", "armed", "armed already", "extended", "known", "disarmed", "disarmed already"]
    const all = (how: string): string[] => stage.names.map((name) => `${name} ${how}`)
    expect(
      tasks.map((task) => ends(played, task)),
      played.text,
    ).toEqual(["changed", "changed", "ok", "changed", "ok", "changed", "ok"].map(all))
    const { armed, status } = played.of("known", "c").result
    expect([armed, (status as { secondsLeft: number }).secondsLeft > 1700]).toEqual([true, true])
    expect(played.of("known without").result).toMatchObject({ installed: true, armed: false, status: {} })
    expect(played.text).not.toContain(secret)
  }, 300_000)

  it("goes on and stops where serial and max_fail_percentage say", async () => {
    const good = JSON.stringify({ good: rules(22, 8082) })
    const played = await stage.play(playbook("rolling.yml"), "-e", good)
    expect(ends(played, "at once"), played.text).toEqual(["a failed", "b changed", "c changed"])
    expect(played.of("at once", "a").result.msg).toContain("missing")
    expect(ends(played, "behind it")).toEqual(["b ok", "c ok"])
    expect(ends(played, "one by one")).toEqual(["b failed"])
    expect(played.code).not.toBe(0)
  }, 300_000)

  it("runs the example: one host first, then the others; and again nothing", async () => {
    const example = playbook("../../scripts/examples/firewall.ansible.yml")
    // What is loaded at boot is the machine's own, not that of a namespace.
    const more = ["-e", `rules=${stage.file("example.sh", rules(22, 8083))}`, "-e", "save=false"]
    const task = "The rules are in force, and proven"
    const first = await stage.play(example, ...more)
    expect(ends(first, task), first.text).toEqual(["a changed", "b changed", "c changed"])
    expect(first.results[0]?.host).toBe("a")
    const second = await stage.play(example, ...more)
    expect(ends(second, task), second.text).toEqual(["a ok", "b ok", "c ok"])
  }, 300_000)

  it("enrols people by the role, once, with files that are root's alone, and takes one away again", async () => {
    const secrets = { ada: newSecret(), bob: newSecret(), standing: newSecret() }
    const folder = stage.environment("c").CONFIGURATION_DIRECTORY
    const played = await stage.play(playbook("roles.yml"), "-e", JSON.stringify({ ...secrets, folder }))
    expect(played.code, played.text).toBe(0)
    const enrolled = played.results.filter(({ task }) => task.endsWith("Those who are enrolled"))
    expect(enrolled.map(({ how }) => how)).toEqual(["changed", "ok", "skipped"])
    const modes = String(played.of("mode").result.stdout).split("\n").sort()
    expect(modes).toEqual([
      "600 root /secrets",
      "600 root /secrets.d/ada",
      "600 root /secrets.d/bob@laptop",
      "700 root /",
      "700 root /secrets.d",
    ])
    const { status } = played.of("known").result as { status: { secrets: { name: string }[] } }
    expect(status.secrets.map(({ name }) => name).sort()).toEqual(["", "ada", "bob@laptop"])
    expect(played.of("mode again").result.stdout).toSatisfy(
      (files: string) => files.includes("bob@laptop") && !files.includes("ada"),
    )
    for (const secret of Object.values(secrets)) expect(played.text).not.toContain(secret)
  }, 300_000)
})
