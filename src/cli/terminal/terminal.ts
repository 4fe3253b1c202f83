import type { Fault } from "../../errors.ts"
import { jsonOf, type Outcome } from "../../report/outcome.ts"
import { escapeForTerminal, jsonLine } from "./escape.ts"

/*
 * The operator's voice: every word that a person or a script reads from one of the programs goes through here.
 *
 * - What is said to a person goes to standard error, one line at a time, with the program's name in front.
 * - A line says what happened; a hint line under it says what to do next. Lower case, no full stop.
 * - What a script wants goes to standard output: results as they are, and with --json one object a line and nothing else.
 * - Colours and progress only where standard error is a terminal; NO_COLOR (no-color.org) and TERM=dumb are respected.
 * - Nothing from outside reaches a terminal unescaped, and nothing secret is said, but for a result that is a secret.
 */

/** Where text goes. `process.stdout` and `process.stderr` are two. */
export interface OutputStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Where text comes from. `process.stdin` is one. */
export interface InputStream extends NodeJS.EventEmitter {
  readonly isTTY?: boolean
  readonly readableEnded?: boolean
  setRawMode?(raw: boolean): unknown
  setEncoding(encoding: "utf8"): unknown
  resume(): unknown
  pause(): unknown
}

/**
 * A program's view of the machine; `process` is one. The streams are read only when something is said: making
 * them takes time that a knock does not have.
 */
export interface ProgramHost {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * This process as a host. A reader that went away (`fw-knock ... | head -1`) is no reason to fail: what was meant for it is
 * dropped, and the exit code still says what happened.
 */
export function processHost(): ProgramHost {
  const heard = new WeakSet<object>()
  const forgiving = <Stream extends NodeJS.EventEmitter>(stream: Stream): Stream => {
    if (!heard.has(stream)) stream.on("error", () => {})
    heard.add(stream)
    return stream
  }
  return {
    env: process.env,
    get stdin() {
      return process.stdin
    },
    get stdout() {
      return forgiving(process.stdout)
    },
    get stderr() {
      return forgiving(process.stderr)
    },
  }
}

export interface Terminal {
  /** With --json: outcomes are objects on standard output. */
  readonly json: boolean
  /** A line for the operator. */
  say(line: string): void
  /** A line to be copied as it stands: no program's name in front. To standard error, since it may hold a secret. */
  show(line: string): void
  /** Something that does not stop the work but should be known. */
  warn(line: string, hint?: string): void
  /** The end of something: a line and its hint, or one JSON object. */
  report(outcome: Outcome): void
  /** A fault that ends the program: a line and its hint, also with --json on standard error. */
  fail(fault: Fault): void
  /** A line for a script, to standard output. */
  result(line: string): void
  /** The same for a line that has been escaped already, and may have colours. */
  rendered(line: string): void
  /** One JSON object for a script, to standard output. */
  object(value: unknown): void
  /** Shows `text` in place of the last progress, on a terminal only; the next line of any kind takes it away. */
  progress(text: string): void
}

type Colour = "red" | "green" | "yellow"
const colours: Readonly<Record<Colour, string>> = { red: "31", green: "32", yellow: "33" }
const wipeLine = "\r\x1b[K"

export interface TerminalOptions {
  readonly json?: boolean
  /** Each object behind a record separator (RFC 7464), to be found among what a shell and sudo print. */
  readonly separated?: boolean
}

/** The voice of `program` (`fw-knock`) on `host`'s streams. */
export function openTerminal(program: string, host: ProgramHost, options: TerminalOptions = {}): Terminal {
  const { json = false, separated = false } = options
  let progressShown = false

  const lively = (): boolean => host.stderr.isTTY === true && host.env.TERM !== "dumb"
  const coloured = (): boolean => lively() && !host.env.NO_COLOR

  function line(text: string, colour?: Colour): void {
    const safe = escapeForTerminal(text)
    const shown = colour !== undefined && coloured() ? `\x1b[${colours[colour]}m${safe}\x1b[0m` : safe
    host.stderr.write(`${takeProgress()}${program}: ${shown}\n`)
  }

  function takeProgress(): string {
    const wipe = progressShown ? wipeLine : ""
    progressShown = false
    return wipe
  }

  function hintLine(hint: string | undefined): void {
    if (hint !== undefined) line(`hint: ${hint}`)
  }

  function toScript(text: string): void {
    const wipe = takeProgress()
    if (wipe !== "") host.stderr.write(wipe)
    host.stdout.write(`${text}\n`)
  }

  const terminal: Terminal = {
    json,
    say: (text) => line(text),
    show: (text) => host.stderr.write(`${takeProgress()}${escapeForTerminal(text)}\n`),
    warn(text, hint) {
      line(`warning: ${text}`, "yellow")
      hintLine(hint)
    },
    report(outcome) {
      // Whoever reads the objects tells people.
      if (json || separated) return terminal.object(jsonOf(outcome))
      line(outcome.message, outcome.code === "done" ? "green" : "red")
      hintLine(outcome.hint)
    },
    fail(fault) {
      line(fault.message, "red")
      hintLine(fault.hint)
    },
    result: (text) => toScript(escapeForTerminal(text)),
    rendered: (text) => toScript(text),
    object: (value) => toScript(`${separated ? "\x1e" : ""}${jsonLine(value)}`),
    progress(text) {
      if (json || !lively()) return
      const width = Math.max(10, (host.stderr.columns || 80) - program.length - 3)
      host.stderr.write(`${wipeLine}${program}: ${escapeForTerminal(text).slice(0, width)}`)
      progressShown = true
    },
  }
  return terminal
}
