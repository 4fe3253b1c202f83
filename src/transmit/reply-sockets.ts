import { isIPv6 } from "node:net"
import { reasonOf } from "../errors.ts"
import { parseAddress } from "../wire/address.ts"
import { echoReplyPacket } from "./echo-message.ts"
import { openSocket, protocolRaw, type RawSocket, sendOn } from "./raw-socket-transmitter.ts"

/** The way of a packet that leaves with a source address of our choice. */
export interface SocketWay {
  /** The address that was knocked at; it need not be one of this machine's. */
  readonly source: string
  readonly destination: string
  /** The interface it leaves through; wanted for link-local IPv6, where without it the kernel picks one. */
  readonly device?: string
}

/** An echo reply that goes that way. */
export interface SocketReply extends SocketWay {
  readonly identifier: number
  readonly sequence: number
  readonly data: Uint8Array
}

/** Sends answers where the link cannot be injected on. They pass OUTPUT and POSTROUTING, and a drop there stops them. */
export interface ReplySockets {
  /** Families that could be opened; when one is missing, `problems` says why. */
  readonly families: readonly (4 | 6)[]
  readonly problems: readonly string[]
  /** Resolves to undefined when the kernel took it, else to the reason; never rejects. */
  reply(reply: SocketReply): Promise<string | undefined>
  /** The same with a whole IP packet, whose addresses are those of the way. */
  send(packet: SocketWay & { readonly packet: Uint8Array }): Promise<string | undefined>
  close(): void
}

/**
 * Opens the sockets for packets with a chosen source address, IPv4 and IPv6, as far as this machine lets it: needs
 * CAP_NET_RAW now and not later, so open them before privileges are dropped. They receive nothing. Never throws.
 */
export async function openReplySockets(): Promise<ReplySockets> {
  const sockets = new Map<4 | 6, RawSocket>()
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
  const send: ReplySockets["send"] = async ({ packet, destination, device }) => {
    const family = isIPv6(destination) ? 6 : 4
    const socket = sockets.get(family)
    if (socket === undefined) return problems[0] ?? "the socket is closed"
    const zone = family === 6 && device !== undefined ? `%${device}` : ""
    return await sendOn(socket, packet, `${destination}${zone}`)
  }
  return {
    families: [...sockets.keys()],
    problems,
    send,
    async reply(reply) {
      const source = parseAddress(reply.source)
      const destination = parseAddress(reply.destination)
      if (source === undefined || destination === undefined || source.length !== destination.length)
        return "source and destination are not addresses of one family"
      return await send({ ...reply, packet: echoReplyPacket(source, destination, reply) })
    },
    close() {
      for (const socket of sockets.values()) socket.close()
      sockets.clear()
    },
  }
}
