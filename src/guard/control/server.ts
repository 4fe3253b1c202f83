import { chmodSync, linkSync, renameSync, rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { Fault, reasonOf } from "../../errors.ts"
import { LineReader } from "../../pipe/line-reader.ts"
import { answers, inUse } from "./client.ts"
import { type ControlHandler, controlPath, parseCommand } from "./commands.ts"

/** Bytes that may wait for a viewer that does not read (Ctrl-S, a stalled sshd) before it is let go. */
const viewerLimit = 64 * 1024
/** How long an ending guard waits for viewers to read its last words, in milliseconds. */
const farewellMs = 500

/**
 * Listens on the control socket (0600, in a 0700 folder). A name that exists is taken over only when nobody answers on
 * it: the socket is bound under a name of its own and then linked, which is atomic, so that of two armings at the same
 * moment one wins.
 *
 * @throws Fault `refused` when a session answers on the socket already.
 */
export async function openControlSocket(
  runtimeFolder: string,
  handler: ControlHandler,
): Promise<{ close(): Promise<void> }> {
  const path = controlPath(runtimeFolder)
  const own = join(runtimeFolder, `control.${process.pid}.sock`)
  rmSync(own, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    serve(socket, handler)
  })
  await listen(server, own)
  chmodSync(own, 0o600)
  try {
    await claim(own, path)
  } catch (thrown) {
    server.close()
    throw thrown
  }
  return {
    async close() {
      rmSync(path, { force: true })
      server.close()
      // Viewers get what waits for them; one that does not read is not waited for.
      const flushed = [...sockets].map((socket) => new Promise<void>((resolve) => socket.end(resolve)))
      await Promise.race([Promise.all(flushed), new Promise((resolve) => setTimeout(resolve, farewellMs))])
      for (const socket of sockets) socket.destroy()
    },
  }
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Fault("configuration", `cannot listen on the control socket "${path}": ${reasonOf(cause)}`)),
    )
    server.listen(path, resolve)
  })

async function claim(own: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      linkSync(own, path)
      rmSync(own, { force: true }) // its other name stays behind when a guard is killed; this one would be one more
      return
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown
    }
    if (await answers(path)) throw await inUse(path)
    // Stale. Moved aside and asked once more, in case another arming claimed the name a moment ago.
    const aside = `${own}.stale`
    try {
      renameSync(path, aside)
    } catch {
      continue
    }
    if (await answers(aside)) {
      renameSync(aside, path)
      throw await inUse(path)
    }
    rmSync(aside, { recursive: true, force: true }) // whatever it is
  }
  throw await inUse(path)
}

function serve(socket: Socket, handler: ControlHandler): void {
  const reply = (value: unknown): void => {
    if (socket.destroyed) return
    if (socket.writableLength > viewerLimit) socket.destroy()
    else socket.write(`${JSON.stringify(value)}\n`)
  }
  const reader = new LineReader((line) => {
    const command = parseCommand(line)
    if (command === undefined) reply({ error: "unknown command" })
    else handler.handle(command, reply, (then) => socket.once("close", then))
  })
  socket.on("data", (chunk: Buffer) => reader.feed(chunk))
  socket.on("error", () => socket.destroy())
}
