import { PassThrough } from "node:stream"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { escapeForTerminal, jsonLine } from "../../../src/cli/terminal/escape.ts"
import { openTerminal, type ProgramHost } from "../../../src/cli/terminal/terminal.ts"
import { Fault } from "../../../src/errors.ts"

function fakeHost(options: { tty?: boolean; env?: Record<string, string>; columns?: number } = {}) {
  const written = { out: "", err: "" }
  const stream = (to: "out" | "err") => ({
    isTTY: options.tty ?? false,
    columns: options.columns ?? 80,
    write: (text: string) => {
      written[to] += text
    },
  })
  const host: ProgramHost = {
    stdin: new PassThrough() as unknown as ProgramHost["stdin"],
    stdout: stream("out"),
    stderr: stream("err"),
    env: options.env ?? {},
  }
  return { host, written }
}

describe("what a terminal may see", () => {
  it("escapes what steers a terminal and leaves text of any script alone", () => {
    expect(escapeForTerminal("a\x1b[2Jb\r\nc\td\x7f\x9b1m")).toBe("a\\x1b[2Jb\\x0d\\nc\\td\\x7f\\x9b1m")
    expect(escapeForTerminal("safe\u202egpj.exe")).toBe("safe\\u{202e}gpj.exe")
    expect(escapeForTerminal("Größe 東京 😀 C:\\x")).toBe("Größe 東京 😀 C:\\x")
    expect(escapeForTerminal("\ud83d alone \ude00")).toBe("\\u{d83d} alone \\u{de00}")
  })

  it("never lets a control character through, in text or in JSON, and the JSON still says the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
        const control = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
        expect(escapeForTerminal(text)).not.toMatch(control)
        const line = jsonLine({ text })
        expect(line).not.toMatch(control)
        expect(JSON.parse(line)).toEqual({ text })
      }),
    )
  })
})

describe("the voice", () => {
  it("speaks to people on standard error with the program's name, and to scripts on standard output without", () => {
    const { host, written } = fakeHost()
    const terminal = openTerminal("fw-knock", host)
    terminal.say("hello")
    terminal.warn("odd", "look")
    terminal.fail(new Fault("usage", "no host", { hint: "name one" }))
    terminal.result("fwk1-x")
    expect(written.err).toBe(
      "fw-knock: hello\nfw-knock: warning: odd\nfw-knock: hint: look\nfw-knock: no host\nfw-knock: hint: name one\n",
    )
    expect(written.out).toBe("fwk1-x\n")
  })

  it("reports an outcome as a line and its hint, or with --json as one object on standard output", () => {
    const outcome = { event: "opened", code: "done", message: "web1: open", hint: "log in" } as const
    const human = fakeHost()
    openTerminal("fw-knock", human.host).report(outcome)
    expect(human.written).toEqual({ out: "", err: "fw-knock: web1: open\nfw-knock: hint: log in\n" })
    const machine = fakeHost()
    openTerminal("fw-knock", machine.host, { json: true }).report(outcome)
    expect(machine.written.err).toBe("")
    expect(machine.written.out.endsWith("\n")).toBe(true)
    expect(JSON.parse(machine.written.out)).toMatchObject({ event: "opened", exitCode: 0 })
  })

  it("lets nothing from outside steer the terminal, whichever way it is said", () => {
    const evil = "web1\x1b[2J\nfw-knock: opened"
    const { host, written } = fakeHost({ tty: true, env: { NO_COLOR: "1" } })
    const terminal = openTerminal("fw-knock", host)
    terminal.say(evil)
    terminal.warn(evil, evil)
    terminal.fail(new Fault("refused", evil, { hint: evil }))
    terminal.report({ event: "opened", code: "done", message: evil, hint: evil })
    terminal.result(evil)
    openTerminal("fw-knock", host, { json: true }).report({ event: evil, code: "done", message: evil })
    expect(written.err + written.out).not.toContain("\x1b")
    expect(written.err.split("\n")).toHaveLength(7 + 1)
    expect(written.out.split("\n")).toHaveLength(2 + 1)
    terminal.progress(evil)
    expect(written.err.split("\x1b")).toHaveLength(2) // its own erase sequence
  })

  it("colours only on a terminal, and not with NO_COLOR or TERM=dumb", () => {
    const fault = new Fault("refused", "no")
    for (const [options, coloured] of [
      [{ tty: true }, true],
      [{ tty: true, env: { NO_COLOR: "" } }, true],
      [{ tty: true, env: { NO_COLOR: "1" } }, false],
      [{ tty: true, env: { TERM: "dumb" } }, false],
      [{ tty: false }, false],
    ] as const) {
      const { host, written } = fakeHost(options)
      openTerminal("fw-knock", host).fail(fault)
      expect(written.err.includes("\x1b[31m")).toBe(coloured)
    }
  })

  it("shows progress on a terminal only, cut to its width, and takes it away before the next line", () => {
    const piped = fakeHost()
    openTerminal("fw-knock", piped.host).progress("waiting")
    expect(piped.written.err).toBe("")
    const { host, written } = fakeHost({ tty: true, columns: 30, env: { NO_COLOR: "1" } })
    const terminal = openTerminal("fw-knock", host)
    terminal.progress("x".repeat(200))
    expect(written.err.length).toBeLessThanOrEqual(30 + "\r\x1b[K".length)
    terminal.say("done")
    expect(written.err.endsWith("\r\x1b[Kfw-knock: done\n")).toBe(true)
    terminal.say("again")
    expect(written.err.endsWith("done\nfw-knock: again\n")).toBe(true)
  })

  it("does not make the streams before something is said", () => {
    const untouchable = () => {
      throw new Error("a stream was made")
    }
    const host = Object.defineProperties({ env: {} } as ProgramHost, {
      stdin: { get: untouchable },
      stdout: { get: untouchable },
      stderr: { get: untouchable },
    })
    expect(() => openTerminal("fw-knock", host)).not.toThrow()
    expect(() => openTerminal("fw-knock", host).say("x")).toThrow("a stream was made")
  })
})
