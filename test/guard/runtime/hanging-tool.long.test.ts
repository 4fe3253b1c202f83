import { chmodSync, copyFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { findTools } from "../../../src/firewall/tools/tool-paths.ts"
import { labUnavailable, twoHosts } from "../../support/lab/lab.ts"
import { ArmedServer, eventually, fwWatchdog } from "../../support/lab/programs.ts"

if (labUnavailable) process.stderr.write(`skipped: a session whose nft hangs: ${labUnavailable}\n`)

describe.skipIf(labUnavailable)("a session whose nft stops in the middle of listing", () => {
  const { lab, server, client } = twoHosts()
  afterAll(() => lab.close())

  it("opens at once, and an undo restores what it can, names the rest, and wakes it", async () => {
    await server.serveTcp(22)
    await server.serveTcp(23)
    server.sh(`iptables-nft -A INPUT -p tcp --dport 22 -j DROP
      nft 'table inet fw { chain in { type filter hook input priority 5; tcp dport 23 drop; }; }'`)
    const [mode, fake, real] = ["mode", "fake-nft", "nft"].map((name) => join(lab.folder, name)) as [
      string,
      string,
      string,
    ]
    const nft = findTools().nft ?? "/usr/sbin/nft"
    copyFileSync(nft, real)
    writeFileSync(
      fake,
      `#!/bin/sh\ncase "$(cat ${mode}) $*" in hangs*list*) kill -STOP $$ ;; esac\nexec ${real} "$@"\n`,
    )
    for (const path of [fake, real]) chmodSync(path, 0o755)
    writeFileSync(mode, "works")
    const armed = new ArmedServer(lab, server, [
      ...["unshare", "--mount", "--propagation", "slave", "sh", "-c"],
      ...[`mount --bind ${fake} ${nft}; exec "$@"`, "sh", ...fwWatchdog],
    ])
    armed.arm("--timeout", "30m")
    writeFileSync(mode, "hangs")
    armed.knock(client, "reset", "192.0.2.1")
    expect(await client.reaches("192.0.2.1", 22)).toBe(true)
    expect(await client.reaches("192.0.2.1", 23)).toBe(true)
    await eventually("the open", () => armed.events().some(({ event }) => event === "opened"), 200_000)
    expect(armed.events().find(({ event }) => event === "opened")).toMatchObject({
      code: "done",
      stillDropping: [],
    })
    const undone = await armed.host.start(armed.command("undo", "--json"), { env: armed.environment })
    const code = await new Promise((resolve) => undone.on("exit", resolve))
    expect(code).toBe(3)
    expect(armed.events().find(({ event }) => event === "rolled-back")).toMatchObject({
      msg: expect.stringMatching(/but for nft inet fw, which cannot be read/),
    })
    expect(await client.reaches("192.0.2.1", 22)).toBe(false)
    expect(await client.reaches("192.0.2.1", 23)).toBe(false)
    writeFileSync(mode, "works")
    armed.disarm()
  }, 400_000)
})
