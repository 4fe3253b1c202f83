import pcap from "pcap"
import { Fault, reasonOf } from "../errors.ts"
import type { LinkType } from "../wire/link/link.ts"

/** One open capture. Opened as root; goes on capturing and injecting after privileges were dropped. */
export interface Capture {
  readonly device: string
  readonly linkType: LinkType
  /**
   * Puts a whole frame on this device, below every netfilter hook but netdev egress.
   * @returns undefined, or why the kernel refused it.
   */
  inject(frame: Uint8Array): string | undefined
  /**
   * Reads what waits in the ring. libuv stops polling a packet socket for good after its interface went down
   * (POLLERR); reading on a timer hears again when the interface is back, though late.
   */
  poke(): void
  /** True when its interface went down since it was opened: then only {@link poke} hears, and another capture is due. */
  readonly interrupted: boolean
  /** Packets the kernel handed to the filter's winner and packets it had no room for, since the capture was opened. */
  counters(): { received: number; dropped: number }
  /** Stops hearing. node-pcap lets go of the descriptor itself only when the process ends. */
  close(): void
}

/** Options of {@link openCapture}. */
export interface CaptureOptions {
  /** An interface name, or `any`. */
  readonly device: string
  /** pcap-filter(7) text. */
  readonly filter: string
  /**
   * Called for every packet with the captured bytes. They lie in one buffer that the next packet overwrites: copy what
   * is kept. Must not throw: an exception here would end the process (Nan::FatalException).
   */
  readonly onFrame: (bytes: Uint8Array, device: string, linkType: LinkType) => void
  /** Kernel ring in bytes. */
  readonly bufferSize: number
  /** Bytes of each packet that are captured; a smaller number makes room for more packets in the ring. */
  readonly snapLength?: number
}

/** Enough for every header, 128 bytes of knock, and a plain text well into an echo request. */
export const snapLength = 1024

const linkTypes: Readonly<Record<string, LinkType>> = {
  LINKTYPE_ETHERNET: "ethernet",
  LINKTYPE_LINUX_SLL: "linux-sll",
  LINKTYPE_RAW: "raw",
  LINKTYPE_NULL: "null",
  "Unknown linktype 276": "linux-sll2",
}

// node-pcap prints a warning for every device without an IPv4 address; the netmask it misses is not used here.
pcap.warningHandler = () => {}

/**
 * Opens one capture in immediate mode, not promiscuous.
 * @throws Fault `permission` without CAP_NET_RAW, `missing` when the device is not there, `configuration` when libpcap
 * refuses the filter or the link type is one this program cannot decode.
 */
export function openCapture(options: CaptureOptions): Capture {
  const { device } = options
  let session: pcap.PcapSession
  try {
    session = pcap.createSession(device, {
      filter: options.filter,
      buffer_size: options.bufferSize,
      snap_length: options.snapLength ?? snapLength,
      buffer_timeout: 0, // 0 selects immediate mode: the default would hold packets back for a second
      promiscuous: false,
    })
  } catch (thrown) {
    throw openingFault(device, reasonOf(thrown))
  }
  const linkType = linkTypes[session.link_type]
  if (linkType === undefined) {
    session.close()
    throw new Fault("configuration", `cannot decode packets of "${device}": link type ${session.link_type}`)
  }
  let delivered = 0
  session.on("packet", (packet: pcap.PacketWithHeader) => {
    delivered += 1
    const captured = packet.header.readUInt32LE(8) // struct pcap_pkthdr as node-pcap lays it out: caplen at 8
    options.onFrame(packet.buf.subarray(0, Math.min(captured, packet.buf.length)), device, linkType)
  })
  // The session's own reader: dispatches until the ring is empty, and returns at once when it is.
  const binding = (session as unknown as { session: { read_callback(): void } }).session
  const readRing = binding.read_callback
  let justEmptied = false
  let interrupted = false
  // The binding has no word for POLLERR: it calls the reader once more, and then never again. A call that finds nothing is
  // that one, unless a poke emptied the ring since this turn's poll. `any` has no interface to lose, and like `lo` it is
  // called for packets that libpcap then leaves out (linux_check_direction).
  if (device !== "any" && device !== "lo")
    binding.read_callback = () => {
      const before = delivered
      readRing()
      interrupted ||= delivered === before && !justEmptied
    }
  return {
    device,
    linkType,
    get interrupted() {
      return interrupted
    },
    inject(frame) {
      try {
        session.inject(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength))
        return undefined
      } catch (thrown) {
        return reasonOf(thrown)
      }
    },
    poke() {
      const before = delivered
      readRing()
      if (delivered === before) return
      justEmptied = true
      setImmediate(() => {
        justEmptied = false
      })
    },
    counters() {
      const stats = session.stats()
      return { received: stats.ps_recv, dropped: stats.ps_drop }
    },
    close: () => session.close(),
  }
}

function openingFault(device: string, reason: string): Fault {
  if (/permission|not permitted/i.test(reason))
    return new Fault("permission", `cannot capture on "${device}": ${reason}`, {
      hint: "run it as root (it needs CAP_NET_RAW)",
    })
  if (/no such device|doesn't exist/i.test(reason))
    return new Fault("missing", `cannot capture on "${device}": there is no such interface`, {
      hint: "`ip link` lists the interfaces of this machine",
    })
  return new Fault("configuration", `cannot capture on "${device}": ${reason || "libpcap gave no reason"}`)
}
