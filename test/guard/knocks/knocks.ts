import { spawn } from "node:child_process"
import type { Host } from "../../support/lab/lab.ts"
import { type ArmedServer, eventually, fwKnock, type Printed } from "../../support/lab/programs.ts"

/** What came of one `fw-knock`. */
export interface Knocked {
  readonly code: number
  readonly outcome: Printed
}

/** `fw-knock ARGS` on `from` with this server's secret, beside the test and other knocks. */
export async function knockAside(
  armed: ArmedServer,
  from: Host,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Knocked> {
  const [program, ...rest] = [
    ...from.enter(),
    ...fwKnock,
    ...args,
    "--json",
    "--secret-file",
    armed.secretFile,
  ]
  const child = spawn(program as string, rest, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  })
  let printed = ""
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString()
  })
  const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? -1)))
  const last = printed.trim().split("\n").at(-1) ?? ""
  return { code, outcome: last.startsWith("{") ? (JSON.parse(last) as Printed) : {} }
}

/** Many knocks, some at a time, in order of their end. */
export async function knockMany(
  count: number,
  atATime: number,
  knock: () => Promise<Knocked>,
): Promise<Knocked[]> {
  const done: Knocked[] = []
  let begun = 0
  const worker = async (): Promise<void> => {
    while (begun < count) {
      begun += 1
      done.push(await knock())
    }
  }
  await Promise.all(Array.from({ length: atATime }, worker))
  return done
}

/** No open is still being settled: it would take the next lockout away too. */
export function settled(armed: ArmedServer): Promise<void> {
  return eventually("the open before", () => {
    const opened = armed.events().filter(({ event }) => event === "opened")
    return opened.length === armed.status().opens
  })
}
