import type { Socket } from "node:net"
import type { PortCheck } from "../../client/tcp-check.ts"
import type { Clock } from "../../clock.ts"
import { Fault } from "../../errors.ts"

/** Loaded when a port is looked at: TCP comes with much that a knock does not need. */
const tcp = () => import("../../client/tcp-check.ts")

/** The longest look at a port, in milliseconds. */
const checkLimitMs = 3000

/** The best state of the port over all addresses: one that is open is the way in. */
export async function checkAny(
  addresses: readonly string[],
  port: number | undefined,
  clock: Clock,
): Promise<PortCheck | undefined> {
  if (port === undefined) return undefined
  const { checkTcp } = await tcp()
  const checks = await Promise.all(
    addresses.map((address) => checkTcp(address, port, clock, { limitMs: checkLimitMs })),
  )
  return (
    checks.find((check) => check.state === "open") ??
    checks.find((check) => check.state === "closed") ??
    checks[0]
  )
}

/** For a bare text: looks at the port all the time, and says when it is open. */
export async function untilOpen(
  addresses: readonly string[],
  port: number | undefined,
  waitMs: number,
  clock: Clock,
): Promise<{ enough: AbortSignal; check: Promise<PortCheck | undefined> }> {
  const opened = new AbortController()
  if (port === undefined) return { enough: opened.signal, check: Promise.resolve(undefined) }
  const { checkTcp } = await tcp()
  const looks = addresses.map(async (address) => {
    const check = await checkTcp(address, port, clock, {
      limitMs: waitMs,
      untilOpen: true,
      signal: opened.signal,
    })
    if (check.state === "open") opened.abort()
    return check
  })
  const best = Promise.all(looks).then(
    (checks) =>
      checks.find((check) => check.state === "open") ??
      checks.find((check) => check.state === "closed") ??
      checks[0],
  )
  return { enough: opened.signal, check: best }
}

/** `confirm` says that new connections get in; so one has to, and it stays while the server looks for it. */
export async function connectFirst(
  host: string,
  addresses: readonly string[],
  port: number,
  clock: Clock,
): Promise<Socket> {
  const { connectTcp } = await tcp()
  for (const address of addresses) {
    const { connection } = await connectTcp(address, port, clock, { limitMs: checkLimitMs })
    if (connection !== undefined) return connection
  }
  throw nothingConfirmed(host, `no new connection to tcp/${port} of ${host} comes up`)
}

/** The fault of a confirmation without a connection. */
export function nothingConfirmed(host: string, why: string): Fault {
  return new Fault("refused", `nothing was confirmed: ${why}`, {
    hint: `the change there locks you out and will be rolled back by itself; sooner: fw-knock rollback ${host}`,
  })
}
