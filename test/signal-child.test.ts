import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { describe, expect, it } from "vitest"
import { signalChild } from "../src/signal-child.ts"

const module = new URL("../dist/signal-child.js", import.meta.url).href

/** What a process in a process group of its own says and how it ends. */
function apart(program: string) {
  return spawnSync("setsid", ["--wait", process.execPath, "--input-type=module", "-e", program], {
    encoding: "utf8",
  })
}

describe("a signal to a child", () => {
  it("that began arrives", async () => {
    const child = spawn("/bin/cat", { stdio: "pipe" })
    signalChild(child, "SIGKILL")
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"])
  })

  // The guard killed itself and those beside it where setpriv could not be started.
  it("that could not begin ends nobody", () => {
    const begin = `
      import { spawn } from "node:child_process"
      import { signalChild } from ${JSON.stringify(module)}
      const child = spawn("/dev/null").on("error", () => console.log("still here"))`
    expect(apart(`${begin}\nsignalChild(child, "SIGKILL")`)).toMatchObject({
      stdout: "still here\n",
      status: 0,
    })
    expect(apart(`${begin}\nchild.kill("SIGKILL")`).stdout, "as Node does it").toBe("")
  })
})
