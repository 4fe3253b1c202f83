/** The packets that a capture has to hear. */
export interface KnockFilter {
  /** The 8-byte request tags of the secrets (and of the canary). */
  readonly tags: readonly Uint8Array[]
  /** With `--plain` every echo request is heard: the kernel cannot search for a text. */
  readonly plain: boolean
  /** The TCP ports of the second road: segments to them are heard whose data begins with one of the tags. */
  readonly tcpPorts: readonly number[]
}

/**
 * With more secrets than this, TCP is filtered by the first half of each tag: a program with 64 whole ones, twice as long,
 * is more than some kernels take (net.core.optmem_max), and libpcap would then filter only after waking this process.
 */
const mostWholeTags = 16

const word = (bytes: Uint8Array, at: number): string =>
  `0x${Array.from(bytes.subarray(at, at + 4), (byte) => byte.toString(16).padStart(2, "0")).join("")}`
const any = (clauses: readonly string[]): string => clauses.map((clause) => `(${clause})`).join(" or ")

/**
 * The BPF program, as pcap-filter(7) text, that lets only what matters out of the kernel: echo requests (RFC 792 type
 * 8, RFC 4443 type 128) and, to the ports, TCP segments whose data begins with one of the tags. `icmp[8:4]` follows IPv4
 * options; `ip6[48:4]` is the same place when no extension header is present, which libpcap's `icmp6` demands anyway.
 *
 * @param wanted tags of exactly 8 bytes each; no tag and not plain gives a filter that matches nothing.
 */
export function filterText(wanted: KnockFilter): string {
  const { tags, plain, tcpPorts } = wanted
  const tcp = tags.length === 0 || tcpPorts.length === 0 ? [] : [tcpText(tags, tcpPorts)]
  if (plain) return ["(icmp[icmptype] == icmp-echo) or (icmp6 and ip6[40] == 128)", ...tcp].join(" or ")
  if (tags.length === 0) return "less 1"
  const v4 = any(tags.map((tag) => `icmp[8:4] == ${word(tag, 0)} and icmp[12:4] == ${word(tag, 4)}`))
  const v6 = any(tags.map((tag) => `ip6[48:4] == ${word(tag, 0)} and ip6[52:4] == ${word(tag, 4)}`))
  const echo = `(icmp[icmptype] == icmp-echo and (${v4})) or (icmp6 and ip6[40] == 128 and (${v6}))`
  return [echo, ...tcp].join(" or ")
}

/**
 * A SYN, or a segment of an established connection (RFC 9293 3.1: of FIN, SYN, RST and ACK only the one flag), to one of the
 * ports, with a tag where the data offset says that the data begins. libpcap's `tcp` knows a fragment for none, and its `[]`
 * only IPv4; in IPv6 extension headers hide the segment, as they do an echo request.
 */
function tcpText(tags: readonly Uint8Array[], ports: readonly number[]): string {
  const text = (version: string, tcp: string, at: number, offset: string): string => {
    const flags = `${tcp}[${at + 13}] & 0x17`
    const to = any(ports.map((port) => `${tcp}[${at + 2}:2] == ${port}`))
    const tagged = any(
      tags.map((tag) => {
        const half = `${tcp}[${offset}:4] == ${word(tag, 0)}`
        return tags.length > mostWholeTags ? half : `${half} and ${tcp}[${offset} + 4:4] == ${word(tag, 4)}`
      }),
    )
    return `(${version} and (${to}) and (${flags} == 2 or ${flags} == 16) and (${tagged}))`
  }
  const v4 = text("tcp", "tcp", 0, "((tcp[12] & 0xf0) >> 2)")
  const v6 = text("ip6[6] == 6", "ip6", 40, "(40 + ((ip6[52] & 0xf0) >> 2))")
  return `${v4} or ${v6}`
}

/** More own addresses than this make a filter that is slower than hearing all neighbour discovery. */
const mostOwnAddresses = 32

/**
 * The BPF program for questions about this host's link addresses and for the kernel's answers to them: ARP (RFC 826)
 * and neighbour discovery (RFC 4861) whose target, or sender of an answer, is one of `own`. For Ethernet devices only.
 *
 * @param own addresses of this host, 4 or 16 bytes each
 */
export function neighbourFilterText(own: readonly Uint8Array[]): string {
  if (own.length > mostOwnAddresses) return "arp or (icmp6 and (ip6[40] == 135 or ip6[40] == 136))"
  const clauses = own.map((address) => {
    if (address.length === 4)
      return `(arp and ((arp[6:2] == 1 and arp[24:4] == ${word(address, 0)}) or (arp[6:2] == 2 and arp[14:4] == ${word(address, 0)})))`
    const target = [0, 4, 8, 12].map((at) => `ip6[${48 + at}:4] == ${word(address, at)}`).join(" and ")
    return `(icmp6 and (ip6[40] == 135 or ip6[40] == 136) and ${target})`
  })
  return clauses.length === 0 ? "less 1" : clauses.join(" or ")
}
