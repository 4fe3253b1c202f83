import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { keepRecord, readRecord } from "../../../src/secrets/host-records.ts"
import { makeStage, type Stage } from "../../client/stage.ts"
import { labUnavailable } from "../../support/lab/lab.ts"
import { type Ended, knock, publicCopy } from "../../support/workstation.ts"

const unavailable = labUnavailable ?? (existsSync("/usr/bin/sudo") ? undefined : "sudo is not installed")
if (unavailable) process.stderr.write(`skipped: fw-knock by sudo: ${unavailable}\n`)

const ada = 54_321

describe.skipIf(unavailable)("fw-knock by sudo", () => {
  let stage: Stage
  let program: readonly string[]
  let written: string
  beforeAll(async () => {
    stage = await makeStage()
    program = publicCopy(stage.lab, "fw-knock")
    written = readFileSync(stage.path, "utf8").trim().split(" ")[1] as string
  })
  afterAll(() => stage.lab.close())

  let homes: string
  let adas: string
  let roots: string
  beforeEach(() => {
    homes = mkdtempSync("/tmp/fw-homes-")
    chmodSync(homes, 0o755)
    adas = join(homes, "ada")
    roots = join(homes, "root")
    mkdirSync(adas)
    chownSync(adas, ada, ada)
    mkdirSync(roots, { mode: 0o700 })
    stage.lab.onClose(() => rmSync(homes, { recursive: true, force: true }))
  })

  /** What ada's `sudo fw-knock ...` does, with a system's files that know her and root's home. */
  async function sudoKnock(args: string[], input = ""): Promise<Ended> {
    const files: Record<string, string> = {
      "/etc/passwd": `root:*:0:0::${roots}:/bin/sh\nada:*:${ada}:${ada}::${adas}:/bin/sh\n`,
      "/etc/group": `root:x:0:\nada:x:${ada}:\n`,
      "/etc/sudoers": "Defaults !lecture, always_set_home\nada ALL=(ALL) NOPASSWD: ALL\n",
    }
    const mounts = Object.entries(files).map(([path, text], index) => {
      const file = join(homes, `file-${index}`)
      writeFileSync(file, text)
      chmodSync(file, path === "/etc/sudoers" ? 0o440 : 0o644)
      return `mount --bind ${file} ${path} && `
    })
    return await knock(stage.client, args, {
      before: [
        ...["unshare", "--mount", "sh", "-c", `${mounts.join("")}exec "$@"`, "sh"],
        ...["setpriv", `--reuid=${ada}`, `--regid=${ada}`, "--clear-groups", "sudo", "-n", "--"],
      ],
      program,
      input,
      env: { HOME: adas, NO_COLOR: "1" },
    })
  }
  const probe = async (host: string): Promise<Ended> =>
    await sudoKnock(["probe", host, "--no-check", "--wait", "2s", "--json"])
  const folder = (home: string, of: "secrets" | "hosts"): string => join(home, ".config/fw-knock", of)
  /** The owners of everything below a home, but the home itself. */
  const owners = (home: string): number[] => {
    const paths = readdirSync(home, { recursive: true, encoding: "utf8" })
    return [...new Set(paths.map((path) => lstatSync(join(home, path)).uid))]
  }
  const keep = (home: string, name: string, owner: number, secret = written): void => {
    mkdirSync(folder(home, "secrets"), { recursive: true, mode: 0o700 })
    writeFileSync(join(folder(home, "secrets"), name), `${name} ${secret}\n`, { mode: 0o600 })
    for (const path of ["", ...readdirSync(home, { recursive: true, encoding: "utf8" })])
      chownSync(join(home, path), owner, owner)
  }

  it("finds the caller's secrets, and what it keeps there is the caller's", async () => {
    keep(adas, "192.0.2.1", ada)
    expect(await probe("192.0.2.1")).toMatchObject({ code: 0, objects: [{ event: "alive", socket: "raw" }] })
    expect(readRecord(folder(adas, "hosts"), "192.0.2.1")?.addresses).toEqual(["192.0.2.1"])
    expect(owners(adas)).toEqual([ada])
    expect(readdirSync(roots)).toEqual([])
  })

  it("finds the caller's hosts by any of their names", async () => {
    keep(adas, "web1", ada)
    keepRecord(folder(adas, "hosts"), { name: "web1", addresses: ["192.0.2.1"] })
    expect((await probe("web1")).code).toBe(0)
    expect((await probe("192.0.2.1")).code).toBe(0)
  })

  it("takes root's own first", async () => {
    keep(adas, "192.0.2.1", ada, "fwk1-nonsense")
    keep(roots, "192.0.2.1", 0)
    expect((await probe("192.0.2.1")).code).toBe(0)
    expect(existsSync(folder(adas, "hosts"))).toBe(false)
    expect(owners(roots)).toEqual([0])
  })

  it("remembers for the caller, lists both, and forgets in both", async () => {
    expect((await sudoKnock(["remember", "192.0.2.1", "--json"], written)).objects).toMatchObject([
      { event: "remembered", path: join(folder(adas, "secrets"), "192.0.2.1") },
    ])
    expect(owners(adas)).toEqual([ada])
    expect(readdirSync(roots)).toEqual([])
    expect((await probe("192.0.2.1")).code).toBe(0)
    keep(roots, "web2", 0)
    expect((await sudoKnock(["list", "--json"])).objects).toMatchObject([
      { event: "host", host: "web2" },
      { event: "host", host: "192.0.2.1" },
    ])
    expect((await sudoKnock(["remember", "web2", "--json"], written)).objects).toMatchObject([
      { path: join(folder(roots, "secrets"), "web2") },
    ])
    keep(adas, "web2", ada)
    expect((await sudoKnock(["forget", "web2"])).code).toBe(0)
    expect((await sudoKnock(["forget", "web2"])).code).toBe(1)
    expect((await sudoKnock(["forget", "192.0.2.1"])).code).toBe(0)
    expect(readdirSync(folder(adas, "secrets"))).toEqual([])
  })

  it("writes nothing where a link of the caller's leads and the caller may not go", async () => {
    keep(adas, "192.0.2.1", ada)
    mkdirSync(join(roots, "hers-not"), { mode: 0o700 })
    symlinkSync(join(roots, "hers-not"), folder(adas, "hosts"))
    expect((await probe("192.0.2.1")).code).toBe(0)
    rmSync(folder(adas, "secrets"), { recursive: true })
    symlinkSync(join(roots, "hers-not"), folder(adas, "secrets"))
    expect((await sudoKnock(["remember", "192.0.2.1"], written)).code).toBe(77)
    expect(readdirSync(join(roots, "hers-not"))).toEqual([])
  })

  it("remembers for root where the caller has no home of his own", async () => {
    rmSync(adas, { recursive: true })
    expect((await sudoKnock(["remember", "192.0.2.1"], written)).code).toBe(0)
    expect(owners(roots)).toEqual([0])
    expect(existsSync(adas)).toBe(false)
  })
})
