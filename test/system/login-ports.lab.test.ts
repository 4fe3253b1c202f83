import { spawn } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loginPorts } from "../../src/system/network/login-ports.ts"
import { labUnavailable } from "../support/lab/lab.ts"

if (labUnavailable) process.stderr.write(`skipped: login ports: ${labUnavailable}\n`)

const listening = `
import socket, sys
socket_ = socket.create_server(("127.0.0.1", 0))
print(socket_.getsockname()[1], flush=True)
sys.stdin.read()
`

describe.skipIf(labUnavailable)("the ports that people log in by", () => {
  it("are 22, and those that an ssh server listens on, and nobody else's", async () => {
    const folder = mkdtempSync(join(tmpdir(), "login-"))
    const listen = async (name: string) => {
      const path = join(folder, name)
      copyFileSync(realpathSync("/usr/bin/python3"), path)
      const process_ = spawn(path, ["-c", listening], { stdio: ["pipe", "pipe", "inherit"] })
      const [port] = (await once(process_.stdout, "data")) as [Buffer]
      return { port: Number(port), process: process_ }
    }
    const [server, other] = [await listen("sshd"), await listen("httpd")]
    try {
      expect(loginPorts()).toContain(22)
      expect(loginPorts()).toContain(server.port)
      expect(loginPorts()).not.toContain(other.port)
    } finally {
      for (const one of [server, other]) one.process.kill()
      rmSync(folder, { recursive: true })
    }
  })
})
