import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually } from "../../support/lab/programs.ts"

/** A file system of its own that can be frozen (fsfreeze(8)): whoever writes to it then waits until it thaws. */
function freezableDisk(folder: string): string | undefined {
  const image = join(folder, "disk.img")
  const mountPoint = join(folder, "disk")
  mkdirSync(mountPoint)
  for (const [command, ...args] of [
    ["truncate", "--size=16M", image],
    ["mkfs.ext4", "-q", image],
    ["mount", "-o", "loop", image, mountPoint],
  ] as const) {
    const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" })
    if (status !== 0) {
      const why = error ? `${command} is not installed` : `this kernel or container: ${stderr.trim()}`
      process.stderr.write(`skipped: a disk that hangs: ${why}\n`)
      return undefined
    }
  }
  return mountPoint
}

if (labUnavailable) process.stderr.write(`skipped: a disk that hangs: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("on a disk that hangs", () => {
  const { lab, server, client } = twoHosts()
  const disk = labUnavailable ? undefined : freezableDisk(lab.folder)
  const freeze = (how: "-f" | "-u"): void => void execFileSync("fsfreeze", [how, disk ?? ""])
  afterAll(async () => {
    if (disk !== undefined) {
      spawnSync("fsfreeze", ["-u", disk])
      spawnSync("umount", ["--lazy", disk])
    }
    await lab.close()
  })

  it.skipIf(disk === undefined)(
    "knocks open, settle and are answered, and undo finds the rules",
    async () => {
      server.serveTcp(22)
      const armed = new ArmedServer(lab, server)
      armed.environment.STATE_DIRECTORY = disk
      armed.arm("--timeout", "2m")
      for (let round = 0; round < 2; round++) {
        server.sh("iptables-nft -A INPUT -m comment --comment lockout -j DROP; iptables-nft -P INPUT DROP")
        if (round === 0) freeze("-f")
        expect(await client.reaches("192.0.2.1", 22)).toBe(false)
        expect(armed.knock(client, "reset", "192.0.2.1").outcome).toMatchObject({ event: "opened" })
        expect(await client.reaches("192.0.2.1", 22)).toBe(true)
        await eventually("the open settles", () => armed.status().opens === round + 1, 20_000)
        expect(server.sh("iptables-nft -S INPUT").trim()).toBe("-P INPUT ACCEPT")
      }
      expect(armed.try("undo", "--json").objects[0]).toMatchObject({ code: "done" })
      expect(server.sh("iptables-nft -S INPUT")).toContain("--comment lockout")
      freeze("-u")
      armed.disarm()
    },
  )
})
