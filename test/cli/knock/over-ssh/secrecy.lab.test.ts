import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readSecretFile } from "../../../../src/secrets/read-secret-file.ts"
import { password, sshUnavailable } from "../../../support/lab/ssh-server.ts"
import { SshStage } from "./stage.ts"

if (sshUnavailable) process.stderr.write(`skipped: secrets over ssh: ${sshUnavailable}\n`)

const support = join(import.meta.dirname, "../../../support")

/** The ways to write 16 bytes that anybody would look for. */
function writtenAs(secret: Buffer): string[] {
  return [
    secret.toString("hex"),
    secret.toString("base64").replace(/=+$/, ""),
    secret.toString("base64url"),
    secret.toString("latin1"),
  ]
}

describe.skipIf(sshUnavailable)("what is agreed over ssh", () => {
  const stage = new SshStage()
  beforeAll(() => stage.start())
  afterAll(() => stage.lab.close())

  it("is seen in no argument, environment, log, terminal or history", async () => {
    const watcher = stage.client.start(["/usr/bin/python3", join(support, "seen-processes.py")], {
      stdin: "pipe",
    })
    const chunks: Buffer[] = []
    watcher.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk))
    const ended = new Promise((resolve) => watcher.once("close", resolve))
    const terminal = stage.client.start(
      ["/usr/bin/python3", join(support, "typed-terminal.py"), ...stage.words("arm", "ada")],
      { env: { ...stage.environment(), PROMPT: "password for ada" }, stdin: "pipe" },
    )
    const shown: Buffer[] = []
    terminal.stdout?.on("data", (chunk: Buffer) => shown.push(chunk))
    terminal.stdin?.end(`${password}\n`)
    const code = await new Promise((resolve) => terminal.once("close", resolve))
    watcher.stdin?.end("end\n")
    await ended
    const [processes, recording] = [Buffer.concat(chunks), Buffer.concat(shown)]
    expect([code, recording.toString()]).toEqual([0, expect.stringMatching(/ada: armed, and alive/)])

    const path = join(stage.home, ".config/fw-knock/secrets/ada")
    const [entry] = readSecretFile(path)
    const secret = Buffer.from(entry?.secret ?? [])
    expect(secret).toHaveLength(16)
    const words = readFileSync(path, "latin1").match(/[A-Za-z0-9+/=-]{20,}/g) ?? []
    expect(words).toHaveLength(1)
    const { log, sudoLog } = stage.machine
    const homes = [stage.home, ...readdirSync("/home").map((name) => join("/home", name)), "/root"]
    const histories = homes
      .flatMap((home) => [".bash_history", ".ash_history", ".zsh_history"].map((name) => join(home, name)))
      .filter(existsSync)
    const places: [string, string][] = [
      ["processes", processes.toString("latin1")],
      ["the terminal", recording.toString("latin1")],
      ...[log, sudoLog, ...histories].map((path): [string, string] => [path, readFileSync(path, "latin1")]),
    ]
    // The public values are seen, where a secret would be.
    const agreed = /--agree\0([A-Za-z0-9_=+/-]+)\0/.exec(processes.toString("latin1"))?.[1] ?? "none"
    expect(readFileSync(sudoLog, "latin1")).toContain(agreed)
    expect(readFileSync(log, "latin1").length).toBeGreaterThan(1000)
    const found = places.flatMap(([place, text]) =>
      [...writtenAs(secret), ...words].some((one) => text.includes(one)) ? [place] : [],
    )
    expect(found).toEqual([])
    // The password of sudo likewise.
    expect(places.flatMap(([place, text]) => (text.includes(password) ? [place] : []))).toEqual([])
  }, 60_000)
})
