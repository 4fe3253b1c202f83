import type { Socket } from "raw-socket"
import { Fault, reasonOf } from "../errors.ts"
import { readEchoReply, readUnreachable, writeEchoRequest } from "./echo-message.ts"
import type { Heard, Transmitter } from "./transmitter.ts"

/* The only import of raw-socket. What it and the kernel really do is in native-notes/raw-sockets.md. */

export type RawSocket = Socket

// IP protocol numbers; the last is send-only and takes whole packets (raw(7), IPPROTO_RAW).
const protocolIcmp = 1
const protocolIcmpv6 = 58
export const protocolRaw = 255

// ICMP_FILTER (raw(7), linux/icmp.h) has a set bit for a type that is blocked; so has ICMP6_FILTER (RFC 3542 3.2).
const solRaw = 255
const icmpFilter = 1
const solIcmpv6 = 58
const icmp6Filter = 1

// socket(7); the first asks for more than net.core.rmem_max, and takes CAP_NET_ADMIN.
const solSocket = 1
const receiveBufferOptions = { force: 33, plain: 8 } as const
/** Thousands of hosts answer at once, and this process may be at work on something else; bytes. */
const receiveBufferBytes = 8 * 1024 * 1024
/** No answer is longer. */
const messageBytes = 2048
/** Messages that are read in one turn of the event loop, so that sending and timers have theirs. */
const messagesATurn = 64

/**
 * Opens a raw ICMP (4) or ICMPv6 (6) socket that hears echo replies and "unreachable", nothing else.
 * @throws Fault `permission` when the kernel does not allow it, `missing` when the native module is not there or the machine
 *   does not have this family
 */
export async function openRawTransmitter(family: 4 | 6, heard: Heard): Promise<Transmitter> {
  const socket = await openSocket(family, family === 4 ? protocolIcmp : protocolIcmpv6)
  hearOnlyReplies(socket, family)
  let open = true
  receiveMany(socket, (message, source) => {
    // A copy: raw-socket fills the same buffer again.
    const bytes = new Uint8Array(message)
    const reply = readEchoReply(family, bytes)
    if (reply !== undefined) heard.reply({ address: source, ...reply })
    const unreachable = readUnreachable(family, bytes)
    if (unreachable !== undefined) heard.unreachable?.({ from: source, ...unreachable })
  })
  return {
    means: "raw",
    send: (address, echo) =>
      open
        ? sendOn(socket, writeEchoRequest(family, echo), address)
        : Promise.resolve("the socket is closed"),
    close() {
      if (open) socket.close()
      open = false
    },
  }
}

export async function openSocket(family: 4 | 6, protocol: number): Promise<Socket> {
  const { createSocket } = await loadRawSocket()
  try {
    return createSocket({ protocol, addressFamily: family === 4 ? 1 : 2, bufferSize: messageBytes })
  } catch (cause) {
    const reason = reasonOf(cause)
    const code = /not permitted|denied/i.test(reason) ? "permission" : "missing"
    throw new Fault(code, `cannot open a raw ${family === 4 ? "ICMP" : "ICMPv6"} socket: ${reason}`, {
      cause,
    })
  }
}

/**
 * Loads raw-socket when it is first wanted, so that an addon that was not built is a fault with a hint, and one that a
 * sender with ping sockets gets over.
 */
async function loadRawSocket(): Promise<typeof import("raw-socket")> {
  try {
    return await import("raw-socket")
  } catch (cause) {
    throw new Fault("missing", "cannot load the native module raw-socket", {
      hint: "it was not built for this Node; run npm rebuild raw-socket (g++, make and python3 are wanted)",
      cause,
    })
  }
}

function hearOnlyReplies(socket: Socket, family: 4 | 6): void {
  if (process.platform !== "linux") return
  if (family === 4) {
    // Types 0 (echo reply) and 3 (unreachable) pass.
    socket.setOption(solRaw, icmpFilter, ~((1 << 0) | (1 << 3)) >>> 0)
    return
  }
  // Eight words in the machine's own order; types 129 (echo reply) and 1 (unreachable) pass.
  const words = new Uint32Array(8).fill(0xffff_ffff)
  for (const type of [129, 1]) words[type >>> 5] = (words[type >>> 5] as number) & ~(1 << (type & 31))
  socket.setOption(solIcmpv6, icmp6Filter, Buffer.from(words.buffer), 32)
}

/**
 * Hands over what comes in, many messages a turn of the event loop, until the socket is closed. Whoever takes a message takes a
 * copy: the same buffer is filled again.
 */
export function receiveMany(socket: Socket, take: (message: Buffer, source: string) => void): void {
  const buffer = Buffer.alloc(messageBytes)
  let open = true
  enlargeReceiveBuffer(socket)
  socket.on("close", () => {
    open = false
  })
  socket.on("message", (message, source) => {
    if (open) take(message, source)
    for (let more = 1; open && more < messagesATurn && receiveOne(socket, buffer, take); more += 1);
  })
  // A failed read (EAGAIN after a wrong checksum) is no reason to stop; a socket that is gone shows when it sends.
  socket.on("error", () => {})
}

/** Where it is not allowed, or no option of this system, the buffer stays as it is. */
function enlargeReceiveBuffer(socket: Socket): void {
  for (const option of [receiveBufferOptions.plain, receiveBufferOptions.force])
    try {
      socket.setOption(solSocket, option, receiveBufferBytes)
    } catch {
      // As large as the system has it.
    }
}

/** Reads one more message than raw-socket does in a turn. @returns false when there was none */
function receiveOne(socket: Socket, into: Buffer, take: (message: Buffer, source: string) => void): boolean {
  try {
    socket.wrap.recv(into, (_, bytes, source) => take(into.subarray(0, bytes), source))
    return true
  } catch {
    return false // nothing more is there, or a wrong checksum: the next turn reads on
  }
}

/**
 * Sends at once. raw-socket itself would wait for a turn of the event loop for each message, and never send while there is
 * something to read; only what the kernel has no room for now goes that way.
 */
export function sendOn(socket: Socket, message: Uint8Array, address: string): Promise<string | undefined> {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  try {
    socket.wrap.send(bytes, 0, bytes.length, address, () => {})
    return Promise.resolve(undefined)
  } catch (error) {
    if (!/temporarily unavailable/i.test(reasonOf(error))) return Promise.resolve(reasonOf(error))
  }
  return new Promise((resolve) => {
    socket.send(bytes, 0, bytes.length, address, (error) =>
      resolve(error === null ? undefined : reasonOf(error)),
    )
  })
}
