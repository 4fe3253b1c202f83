import { expect, it } from "vitest"
import { runCommand } from "../../src/system/process/run-command.ts"

it.each([false, true])(
  "takes the same of a long output by a pipe and by a file (bulky: %s)",
  async (bulky) => {
    const script =
      'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo ü; echo gone >&2; exit 3'
    const result = await runCommand({ path: "/bin/sh", args: ["-c", script], bulky })
    expect(result).toMatchObject({ exitCode: 3, ok: false, timedOut: false, stderr: "gone\n" })
    expect(result.stdout.split("\n")).toHaveLength(3002)
    expect(result.stdout).toMatch(/^line 0\n[\s\S]*\nline 2999\nü\n$/)
  },
)

it("takes bytes as characters of their number", async () => {
  const request = { path: "/bin/sh", args: ["-c", "printf '\\377\\000a'"], binary: true }
  for (const bulky of [false, true]) expect((await runCommand({ ...request, bulky })).stdout).toBe("\xff\0a")
})

it("has no output of a program that does not start, by a file either", async () => {
  const result = await runCommand({ path: "/nonexistent/program", args: [], bulky: true })
  expect(result).toMatchObject({ ok: false, stdout: "", startError: "ENOENT" })
})
