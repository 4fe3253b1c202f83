import { Fault } from "../../errors.ts"
import type { ProgramHost } from "./terminal.ts"

const longestAnswer = 1024

/**
 * Asks on the terminal for something that must not be seen: what is typed is not echoed, backspace and Ctrl-U edit, Enter
 * ends. The terminal's mode is put back in every case.
 * @returns the line without its end, at most 1024 characters
 * @throws Fault `usage` when standard input is no terminal, `refused` on Ctrl-C, or on Ctrl-D with nothing typed
 */
export async function askSecret(prompt: string, host: ProgramHost): Promise<string> {
  const input = host.stdin
  if (input.isTTY !== true || input.setRawMode === undefined)
    throw new Fault("usage", "cannot ask for a secret: standard input is not a terminal")
  // In this order: what is typed the moment the prompt appears is not shown either, and Ctrl-C is ours to see.
  input.setRawMode(true)
  input.setEncoding("utf8")
  host.stderr.write(prompt)
  try {
    return await readUntilEnter(input)
  } finally {
    input.setRawMode(false)
    input.pause()
    host.stderr.write("\n")
  }
}

/**
 * Asks on the terminal for something that may be seen; the terminal itself shows and edits it, and Ctrl-C ends the program.
 * @returns the line without its end
 * @throws Fault `refused` when standard input ends
 */
export async function askLine(prompt: string, host: ProgramHost): Promise<string> {
  const input = host.stdin
  input.setEncoding("utf8")
  host.stderr.write(prompt)
  try {
    return await readUntilEnter(input)
  } finally {
    input.pause()
  }
}

/**
 * Everything on standard input.
 * @param most a longer text is refused, in characters
 * @param what it is to be, for messages: `a secret file`
 * @throws Fault `configuration` for a longer one, `permission` when it cannot be read
 */
export async function readInput(host: ProgramHost, most: number, what: string): Promise<string> {
  const input = host.stdin
  input.setEncoding("utf8")
  return await new Promise((resolve, reject) => {
    const chunks: string[] = []
    let length = 0
    input.on("data", (chunk: string) => {
      chunks.push(chunk)
      length += chunk.length
      if (length <= most) return
      input.pause()
      reject(
        new Fault(
          "configuration",
          `standard input is too long for ${what}: at most ${most / 1024} KiB are wanted`,
        ),
      )
    })
    input.once("end", () => resolve(chunks.join("")))
    input.once("error", (cause) =>
      reject(new Fault("permission", `cannot read ${what} from standard input`, { cause })),
    )
    input.resume()
  })
}

function readUntilEnter(input: ProgramHost["stdin"]): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: string[] = []
    const stop = (settle: () => void): void => {
      input.removeListener("data", onData)
      input.removeListener("end", onEnd)
      settle()
    }
    const cancel = (): void =>
      stop(() => reject(new Fault("refused", "cancelled at the prompt: nothing was sent")))
    const onEnd = (): void => cancel()
    const onData = (chunk: string): void => {
      // Pasting may come wrapped (bracketed paste, xterm's mode 2004); arrow keys and the like edit nothing here.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with ESC
      for (const character of chunk.replace(/\x1b\[[0-9;]*[A-Za-z~]/g, "")) {
        const enter = character === "\r" || character === "\n"
        const leave = character === "\x03" || (character === "\x04" && typed.length === 0)
        if (enter) stop(() => resolve(typed.join("")))
        if (leave) cancel()
        if (enter || leave) break
        if (character === "\x7f" || character === "\b") typed.pop()
        else if (character === "\x15") typed = []
        else if (character >= " " && typed.length < longestAnswer) typed.push(character)
      }
    }
    // A list was read from it to the end: nothing more will ever be typed.
    if (input.readableEnded) return cancel()
    input.on("data", onData)
    input.once("end", onEnd)
    input.resume()
  })
}
