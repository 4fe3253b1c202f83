import type { Socket } from "raw-socket"
import { Fault, reasonOf } from "../errors.ts"
import { parseAddress } from "../wire/address.ts"
import { echoReplyPacket, readEchoReply, readUnreachable, writeEchoRequest } from "./echo-message.ts"
import type { EchoTransmitter, Heard } from "./transmitter.ts"

/* The only import of raw-socket. What it and the kernel really do is in native-notes/raw-sockets.md. */

// IP protocol numbers; the last is send-only and takes whole packets (raw(7), IPPROTO_RAW).
const protocolIcmp = 1
const protocolIcmpv6 = 58
const protocolRaw = 255

// ICMP_FILTER (raw(7), linux/icmp.h) has a set bit for a type that is blocked; so has ICMP6_FILTER (RFC 3542 3.2).
const solRaw = 255
const icmpFilter = 1
const solIcmpv6 = 58
const icmp6Filter = 1

/**
 * Opens a raw ICMP (4) or ICMPv6 (6) socket that hears echo replies and "unreachable", nothing else.
 * @throws Fault `permission` when the kernel does not allow it, `missing` when the native module is not there or the machine
 *   does not have this family
 */
export async function openRawTransmitter(family: 4 | 6, heard: Heard): Promise<EchoTransmitter> {
  const socket = await openSocket(family, family === 4 ? protocolIcmp : protocolIcmpv6)
  hearOnlyReplies(socket, family)
  let open = true
  socket.on("message", (message, source) => {
    if (!open) return
    // A copy: raw-socket fills the same buffer again.
    const bytes = new Uint8Array(message)
    const reply = readEchoReply(family, bytes)
    if (reply !== undefined) heard.reply({ address: source, ...reply })
    const unreachable = readUnreachable(family, bytes)
    if (unreachable !== undefined) heard.unreachable?.({ from: source, ...unreachable })
  })
  // A failed read (EAGAIN after a wrong checksum) is no reason to stop; a socket that is gone shows when it sends.
  socket.on("error", () => {})
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

/** An echo reply that leaves with a source address of our choice. */
export interface SocketReply {
  /** The address that was knocked at; it need not be one of this machine's. */
  readonly source: string
  readonly destination: string
  /** The interface it leaves through; wanted for link-local IPv6, where without it the kernel picks one. */
  readonly device?: string
  readonly identifier: number
  readonly sequence: number
  readonly data: Uint8Array
}

/** Sends echo replies where the link cannot be injected on. They pass OUTPUT and POSTROUTING, and a drop there stops them. */
export interface ReplySockets {
  /** Families that could be opened; when one is missing, `problems` says why. */
  readonly families: readonly (4 | 6)[]
  readonly problems: readonly string[]
  /** Resolves to undefined when the kernel took it, else to the reason; never rejects. */
  reply(reply: SocketReply): Promise<string | undefined>
  close(): void
}

/**
 * Opens the sockets for replies with a chosen source address, IPv4 and IPv6, as far as this machine lets it: needs
 * CAP_NET_RAW now and not later, so open them before privileges are dropped. They receive nothing. Never throws.
 */
export async function openReplySockets(): Promise<ReplySockets> {
  const sockets = new Map<4 | 6, Socket>()
  const problems: string[] = []
  for (const family of [4, 6] as const) {
    try {
      // IPPROTO_RAW implies IP_HDRINCL in both families (net/ipv4/af_inet.c and net/ipv6/af_inet6.c, inet(6)_create).
      const socket = await openSocket(family, protocolRaw)
      socket.pauseRecv()
      socket.on("error", () => {})
      sockets.set(family, socket)
    } catch (thrown) {
      problems.push(reasonOf(thrown))
    }
  }
  return {
    families: [...sockets.keys()],
    problems,
    async reply(reply) {
      const source = parseAddress(reply.source)
      const destination = parseAddress(reply.destination)
      if (source === undefined || destination === undefined || source.length !== destination.length)
        return "source and destination are not addresses of one family"
      const family = source.length === 4 ? 4 : 6
      const socket = sockets.get(family)
      if (socket === undefined) return problems[0] ?? "the socket is closed"
      const zone = family === 6 && reply.device !== undefined ? `%${reply.device}` : ""
      return await sendOn(socket, echoReplyPacket(source, destination, reply), `${reply.destination}${zone}`)
    },
    close() {
      for (const socket of sockets.values()) socket.close()
      sockets.clear()
    },
  }
}

async function openSocket(family: 4 | 6, protocol: number): Promise<Socket> {
  const { createSocket } = await loadRawSocket()
  try {
    return createSocket({ protocol, addressFamily: family === 4 ? 1 : 2, bufferSize: 2048 })
  } catch (cause) {
    const reason = reasonOf(cause)
    const code = /not permitted|denied/i.test(reason) ? "permission" : "missing"
    throw new Fault(code, `cannot open a raw ${family === 4 ? "ICMP" : "ICMPv6"} socket: ${reason}`, {
      cause,
    })
  }
}

/** When it is wanted and not before: an addon that was not built is a message, and a sender may do without. */
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

function sendOn(socket: Socket, message: Uint8Array, address: string): Promise<string | undefined> {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  return new Promise((resolve) => {
    socket.send(bytes, 0, bytes.length, address, (error) =>
      resolve(error === null ? undefined : reasonOf(error)),
    )
  })
}
