import { execFileSync, spawn } from "node:child_process"
import { existsSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import {
  addInterfaces,
  interfaceNames,
  openNamespace,
  withNamespace,
} from "../../../src/firewall/sandbox/namespace.ts"
import { runCommand } from "../../../src/system/process/run-command.ts"
import { findSystemTools } from "../../../src/system/process/system-tools.ts"
import { compiledSource } from "../../support/firewall/compiled.ts"
import { Lab, labUnavailable } from "../../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: throw-away namespace: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a throw-away namespace", () => {
  const lab = new Lab()
  const system = findSystemTools()
  const deps = { runHere: runCommand, system }
  afterAll(() => lab.close())

  it("is another one than ours, empty, and gone when closed", async () => {
    const namespace = await openNamespace(deps)
    expect(readlinkSync(namespace.netns)).not.toBe(readlinkSync("/proc/self/ns/net"))
    const link = await namespace.run({ path: system.ip, args: ["-o", "link"] })
    expect(link.stdout.trim().split("\n")).toHaveLength(1)
    expect(link).toMatchObject({ ok: true, path: system.ip, args: ["-o", "link"] })
    await namespace.close()
    expect(existsSync(`/proc/${namespace.pid}`)).toBe(false)
  })

  it("is closed when the task in it fails", async () => {
    let pid = 0
    const failing = withNamespace(deps, async (namespace) => {
      pid = namespace.pid
      throw new Error("on purpose")
    })
    await expect(failing).rejects.toThrow("on purpose")
    expect(existsSync(`/proc/${pid}`)).toBe(false)
  })

  it("has interfaces of the names asked for, and says which it cannot make", async () => {
    await withNamespace(deps, async (namespace) => {
      const names = ["eth0", "br-0a1b2c3d4e5f", "wg0", "eth0.5"]
      expect(await addInterfaces(namespace, system, names)).toEqual([])
      expect(await addInterfaces(namespace, system, ["a-name-of-sixteen"])).toEqual(["a-name-of-sixteen"])
      expect(await interfaceNames(namespace.run, system)).toEqual(expect.arrayContaining(names))
    })
  })

  it("refuses with a fault where no namespace can be made", async () => {
    const refusing = { ...system, unshare: "/bin/false" }
    await expect(openNamespace({ runHere: runCommand, system: refusing })).rejects.toMatchObject({
      name: "Fault",
      code: "permission",
    })
  })

  it("is gone, and what runs in it too, when its maker is killed", async () => {
    const program = join(lab.folder, "maker.js")
    const dist = compiledSource(lab)
    writeFileSync(
      program,
      `
import { runCommand } from "${dist}/system/process/run-command.js"
import { findSystemTools } from "${dist}/system/process/system-tools.js"
import { openNamespace } from "${dist}/firewall/sandbox/namespace.js"
const namespace = await openNamespace({ runHere: runCommand, system: findSystemTools() })
void namespace.run({ path: "/bin/sleep", args: ["1000"], timeoutMs: 1e6 })
setTimeout(() => process.stdout.write(namespace.pid + "\\n"), 300)
`,
    )
    const maker = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] })
    lab.own(maker)
    const holder = Number(
      await new Promise((resolve) => maker.stdout.once("data", (data) => resolve(String(data)))),
    )
    const netns = readlinkSync(`/proc/${holder}/ns/net`)
    expect(processesIn(netns)).toHaveLength(2)
    maker.kill("SIGKILL")
    for (let n = 0; processesIn(netns).length > 0; n++) {
      if (n > 100) throw new Error(`left behind in ${netns}: ${processesIn(netns).join(", ")}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
})

function processesIn(netns: string): string[] {
  const pids = execFileSync("ls", ["/proc"], { encoding: "utf8" })
    .split("\n")
    .filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/net`) === netns
    } catch {
      return false
    }
  })
}
