import { cpSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: a lying listener: ${labUnavailable}\n`)

const root = fileURLToPath(new URL("../../..", import.meta.url))

/**
 * What an attacker who took the listener over can say: everything that the pipe carries, with the screen keys that the
 * guard gave him, as fast as he likes, and things that it does not carry.
 */
const liar = `
import { createHmac, randomBytes } from "node:crypto"
import { createInterface } from "node:readline"
const say = (value) => process.stdout.write(typeof value === "string" ? value : JSON.stringify(value) + "\\n")
let key
createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line)
  if (message.type === "key") key = message
  if (message.type === "ping") say({ type: "pong", sequence: message.sequence })
  if (message.type === "start") lie()
}).on("close", () => process.exit(0))
const forged = (verb, flags, challenge) => {
  const body = Buffer.alloc(80)
  Buffer.from(key.tag, "hex").copy(body)
  body[8] = 1; body[9] = verb; body.writeUInt16BE(flags, 10)
  body.writeBigUInt64BE(BigInt(Date.now()), 12)
  randomBytes(16).copy(body, 20)
  if (challenge) randomBytes(36).copy(body, 36)
  const screen = createHmac("sha256", Buffer.from(key.screenKey, "hex")).update(body).digest().subarray(0, 16)
  return Buffer.concat([body, screen, randomBytes(32)]).toString("hex")
}
function lie() {
  say({ type: "ready", devices: ["any"], filter: "", notes: [] })
  setInterval(() => {
    const from = { source: "192.0.2.2", destination: "192.0.2.1", device: "eth0", flow: "first", carrier: "echo", port: 0 }
    for (const verb of [1, 2, 3, 4]) for (const flags of [0, 1, 2, 3]) for (const challenge of [false, true])
      say({ type: "knock", ref: 1, data: forged(verb, flags, challenge), ...from })
    say({ type: "plain", ...from })
    say({ type: "open" }); say({ type: "disarm" }); say("not json\\n"); say("{".repeat(100000) + "\\n")
    say({ type: "counts", heard: 1, missed: 1, rejected: Object.fromEntries(Array.from({ length: 90 }, () => [randomBytes(8).toString("hex"), 1])) })
    say({ type: "outdated", why: "x".repeat(150) }); say({ type: "canary" })
  }, 5)
}
`

describe.skipIf(labUnavailable)("a listener that was taken over", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())

  it("opens nothing, whatever it says, and the guard stays alive, small and quiet", async () => {
    if (labUnavailable) return
    const copy = join(lab.folder, "program")
    cpSync(join(root, "dist"), join(copy, "dist"), { recursive: true })
    cpSync(join(root, "package.json"), join(copy, "package.json"))
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
    writeFileSync(join(copy, "dist/bin/listener.js"), liar)
    server.run(["chmod", "-R", "a+rX", lab.folder])
    const armed = new ArmedServer(lab, server, [process.execPath, join(copy, "dist/bin/fw-watchdog.js")])

    await server.serveTcp(22)
    armed.arm("--timeout", "1m")
    server.run(["iptables-nft", "-P", "INPUT", "DROP"])
    const forgeries = (): number =>
      (armed.status().rejected as Record<string, number>)["verify/request-mac"] ?? 0
    await eventually("a thousand forged knocks", () => forgeries() > 1000, 30_000)
    const status = armed.status()
    expect(status).toMatchObject({ opens: 0, accepted: 0, provenFromOutside: false })
    expect(Object.keys(status.rejected as object).length).toBeLessThan(250)
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    const lines = armed.events().filter(({ event }) => event === "rejected").length
    expect(lines).toBeLessThan(40) // one a second at the most
    const memoryMb = Number(
      server.sh(`awk '/VmRSS/ { print int($2 / 1024) }' /proc/${status.guardPid}/status`),
    )
    expect(memoryMb).toBeLessThan(300)
    armed.disarm()
  })
})
