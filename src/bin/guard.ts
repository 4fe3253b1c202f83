#!/usr/bin/env node
import { closeSync, createReadStream, openSync, writeSync } from "node:fs"
import type { GuardOrder } from "../guard/launch/order.ts"
import { canNotify, orderDescriptor } from "../guard/launch/systemd-notify.ts"
import { closeInheritedDescriptors } from "../system/process/inherited-descriptors.ts"

// Node opens its inspector on SIGUSR1, for any local user: this handler has to be there before anything else.
process.on("SIGUSR1", () => {})
// The default would end the guard when a terminal goes; once it is armed this means "read the secrets again".
process.on("SIGHUP", () => {})
process.on("SIGINT", () => {})
const notifies = canNotify(process.env)
closeInheritedDescriptors(notifies ? orderDescriptor : undefined)

/** The size that guard.stderr may grow to by this, in bytes: it lies in memory. */
let complaintBytesLeft = 256 * 1024

// Whatever goes wrong in one corner must not take the way back in along; it is written to guard.stderr. Not by
// process.stderr: on a full tmpfs that would raise the next exception.
process.on("uncaughtException", (cause: unknown) => {
  const text = `${cause instanceof Error ? cause.stack : String(cause)}\n`
  complaintBytesLeft -= text.length
  if (complaintBytesLeft < 0) return
  try {
    writeSync(2, text)
  } catch {
    // Nobody can be told.
  }
})

let announced = false
const announce = (result: object): boolean => {
  if (announced) return false
  announced = true
  try {
    writeSync(1, `${JSON.stringify(result)}\n`)
    closeSync(1) // nobody reads it from here on; the lowest free descriptor is taken at once,
    openSync("/dev/null", "w") // so that no later file becomes standard output
    return true
  } catch {
    return false // the arming command is gone
  }
}

/** `guard --standing OPTIONS` arms by itself, as a unit of a service manager does; else the order comes by a pipe. */
const standing = process.argv[2] === "--standing" ? process.argv.slice(3) : undefined

// No top-level await: the package bundles each program as one CommonJS file.
const main = async (): Promise<void> => {
  let code = 1
  try {
    const { orderFrom, runGuard } = await import("../guard/guard.ts")
    const order = async (): Promise<GuardOrder> => {
      if (standing !== undefined) return (await import("../cli/watchdog/unit.ts")).standingOrder(standing)
      return await orderFrom(notifies ? createReadStream("", { fd: orderDescriptor }) : process.stdin)
    }
    const tell = standing === undefined ? announce : (await import("../cli/watchdog/unit.ts")).sayArmed
    code = await runGuard(order, tell, {
      onTerminate: (then) => process.on("SIGTERM", then),
      onReload: (then) => process.on("SIGHUP", then),
    })
  } catch (cause) {
    const message = `the guard cannot be loaded: ${(cause instanceof Error ? cause.message : String(cause)).split("\n")[0]}`
    announce({
      ready: false,
      code: "missing",
      message,
      hint: "install it again: a file of the program is missing or broken",
    })
  }
  // What may still hold the event loop (a viewer that does not read) has been told everything that matters.
  process.exit(code)
}
void main()
