import { PassThrough } from "node:stream"
import { describe, expect, it } from "vitest"
import { askLine, askSecret, readInput } from "../../../src/cli/terminal/prompt.ts"
import type { ProgramHost } from "../../../src/cli/terminal/terminal.ts"

function keyboard(isTTY = true) {
  const shown: string[] = []
  const modes: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: (raw: boolean) => modes.push(raw) })
  const out = { write: (text: string) => shown.push(text) }
  const host: ProgramHost = {
    stdin: stdin as unknown as ProgramHost["stdin"],
    stdout: out,
    stderr: out,
    env: {},
  }
  return { host, stdin, shown, modes }
}

describe("asking for a secret", () => {
  it.each([
    ["fwk1-abc\r", "fwk1-abc"],
    ["fwk1-abx\x7fc\n", "fwk1-abc"],
    ["wrong\x15right\r", "right"],
    ["\x1b[200~pasted\x1b[201~\r", "pasted"],
    ["\x7f\x7fa\x1b[D\x00b\r", "ab"],
    ["\r", ""],
  ])("%j is read as %j, shown nowhere", async (typed, answer) => {
    const { host, stdin, shown, modes } = keyboard()
    const asked = askSecret("secret: ", host)
    stdin.write(typed)
    expect(await asked).toBe(answer)
    expect(shown.join("")).toBe("secret: \n")
    expect(modes).toEqual([true, false])
  })

  it("typed key by key it is read as well as pasted in one piece", async () => {
    const { host, stdin } = keyboard()
    const asked = askSecret("secret: ", host)
    for (const key of "fwk1-ax\x7fbc\r") stdin.write(key)
    expect(await asked).toBe("fwk1-abc")
  })

  it.each(["\x03", "half\x03", "\x04"])("%j cancels and puts the terminal back", async (typed) => {
    const { host, stdin, modes } = keyboard()
    const asked = askSecret("secret: ", host)
    stdin.write(typed)
    await expect(asked).rejects.toMatchObject({ code: "refused" })
    expect(modes).toEqual([true, false])
  })

  it("a terminal that goes away cancels", async () => {
    const { host, stdin } = keyboard()
    const asked = askSecret("secret: ", host)
    stdin.end("half")
    await expect(asked).rejects.toMatchObject({ code: "refused" })
  })

  it("cancels where standard input was read to its end before, by a list of hosts", async () => {
    const { host, stdin } = keyboard()
    stdin.end("web1\n")
    await readInput(host, 65_536, "a list of hosts")
    await expect(askSecret("secret: ", host)).rejects.toMatchObject({ code: "refused" })
    await expect(askLine("their number: ", host)).rejects.toMatchObject({ code: "refused" })
  })

  it("without a terminal it is usage, and nothing is shown", async () => {
    const { host, shown } = keyboard(false)
    await expect(askSecret("secret: ", host)).rejects.toMatchObject({ code: "usage" })
    expect(shown).toEqual([])
  })
})

describe("standard input as a secret file", () => {
  it("is read to its end", async () => {
    const { host, stdin } = keyboard(false)
    const read = readInput(host, 65_536, "a secret file")
    stdin.write("web1 ")
    stdin.end("fwk1-abc\n")
    expect(await read).toBe("web1 fwk1-abc\n")
  })

  it("is refused when it is longer than any secret file", async () => {
    const { host, stdin } = keyboard(false)
    const read = readInput(host, 65_536, "a secret file")
    stdin.write("x".repeat(70_000))
    await expect(read).rejects.toMatchObject({ code: "configuration" })
  })
})
